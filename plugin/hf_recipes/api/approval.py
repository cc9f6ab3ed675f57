"""Whether what runs would cost is agreed to, before anything is made for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hf_recipes.estimates.prices import ASK_ABOVE, Cost, above, cost_in_words
from hf_recipes.recipe import problem_at
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import RecipeError

SHOWN = 5


class NotAgreed(Exception):
    """The message is a sentence with what to do."""


def costs_in_words(costs: Sequence[tuple[Recipe, Cost]]) -> str:
    """What each run costs; of many, the first."""
    said = "; ".join(
        f"{recipe.project_name} on {recipe.backend}: {cost_in_words(cost)}" for recipe, cost in costs[:SHOWN]
    )
    return said + (f"; and {len(costs) - SHOWN} more" if len(costs) > SHOWN else "")


def ask_approval(costs: Sequence[tuple[Recipe, Cost]], *, ask: Callable[[str], bool] | None) -> None:
    """Ask once for all, where a run may cost more than its limit, or its cost is not known; `ask` is None when there is no terminal.

    Raises RecipeError for an estimate above `max_cost`, NotAgreed where nobody agrees.
    """
    problems = [
        problem_at(
            recipe,
            "max_cost",
            "max-cost",
            f"{cost_in_words(cost)} on {recipe.backend}, and ${recipe.max_cost:g} are allowed",
            "take smaller hardware, raise it, or agree with --yes",
        )
        for recipe, cost in costs
        if recipe.max_cost is not None and cost.dollars is not None and cost.dollars > recipe.max_cost
    ]
    if problems:
        raise RecipeError(problems)
    open_ended = [(recipe, cost) for recipe, cost in costs if above(cost, recipe.max_cost)]
    together = sum(cost.dollars or 0.0 for recipe, cost in costs if recipe.max_cost is None)
    if not open_ended and together <= ASK_ABOVE:
        return
    asked = costs if together > ASK_ABOVE else open_ended
    said = costs_in_words(asked)
    said += f"; together ${together:.2f}" if len(asked) > 1 and together > ASK_ABOVE else ""
    if ask is None:
        raise NotAgreed(f"{said}. Nothing was started: agree with --yes, or set max_cost: in the recipe")
    if not ask(f"{said}. Start?"):
        raise NotAgreed("nothing was started")
