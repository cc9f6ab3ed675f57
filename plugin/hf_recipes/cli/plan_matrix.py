"""`hf-recipes plan` of a recipe with a matrix: how many runs, what differs, what they may cost together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hf_recipes.cli.output import console, document
from hf_recipes.recipe.model import Recipe

if TYPE_CHECKING:
    from hf_recipes.api.plan import Plan


def print_matrix(made: Sequence[Recipe], plans: Sequence[Plan], *, as_json: bool) -> None:
    """One line, or one document, for all; `hf-recipes plan RECIPE --set matrix=null` shows a single run in full."""
    from hf_recipes.api.plan import plan_as_json as plan_document

    # Runs on this machine cost nothing; the cost of others may not be known.
    costs = [plan.cost for plan in plans if plan.cost is not None]
    dollars = [round(cost.dollars, 2) for cost in costs if cost.dollars is not None]
    unknown = len(costs) - len(dollars)
    if as_json:
        runs = [
            {"project_name": recipe.project_name, "matrix": dict(recipe.matrix), **plan_document(plan)}
            for recipe, plan in zip(made, plans, strict=True)
        ]
        total = {"note": "estimate", "dollars": round(sum(dollars), 2), "unknown": unknown}
        document({"runs": len(made), "cost": total, "plans": runs})
        return
    _print(made, plans, sum(dollars), unknown)


def _print(made: Sequence[Recipe], plans: Sequence[Plan], dollars: float, unknown: int) -> None:
    from rich.table import Column, Table

    out = console(stderr=False)
    keys = list(made[0].matrix)
    names = Column("run", min_width=max(len(recipe.project_name) for recipe in made))
    table = Table(names, *keys, "backend", "hours", "cost", box=None, pad_edge=False)
    for recipe, plan in zip(made, plans, strict=True):
        hours, dollars_each = (plan.cost.hours, plan.cost.dollars) if plan.cost else (None, None)
        table.add_row(
            recipe.project_name,
            *(str(recipe.matrix[key]) for key in keys),
            recipe.backend,
            "" if hours is None else f"{hours:.1f}",
            "" if dollars_each is None else f"${dollars_each:.2f}",
        )
    out.print(table)
    together = f", together an estimated ${dollars:.2f}" if dollars else ""
    out.print(f"{len(made)} runs{together}" + (f"; the cost of {unknown} is not known" if unknown else ""))
