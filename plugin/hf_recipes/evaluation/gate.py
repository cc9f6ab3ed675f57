"""The bounds that a recipe sets in `evaluate.require`, held against what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_recipes.evaluation.rounding import bound_share, share
from hf_recipes.evaluation.verdict import SAME, Comparison, best_baseline
from hf_recipes.recipe.model import Bound

BEST = "best_baseline"
Values = Mapping[str, float]


def check_gate(
    require: Mapping[str, Bound],
    tuned: Values,
    baselines: Mapping[str, Values],
    comparisons: Mapping[str, Mapping[str, Comparison]],
) -> list[dict[str, Any]]:
    """One {metric, bound, value, met} a bound, in the recipe's order.

    `tuned`: metric → value; `baselines`: metric → method → value; `comparisons`: metric → method → comparison. `value` is
    the fine-tuned model's, and is absent, the bound not met, where it was not measured. `better_than` asks for a difference
    that the rows show (see verdict.py), not merely for a higher number. A sum of fractions that is off in its last digits
    misses no bound.
    """
    results = []
    for metric, bound in require.items():
        value = tuned.get(metric)
        if bound.at_least is not None:
            least = float(bound.at_least)
            results.append(
                entry(
                    metric,
                    f"at least {bound_share(least)}",
                    value,
                    value is not None and value >= least - SAME,
                    at_least=least,
                )
            )
        if bound.better_than is not None:
            rivals = baselines.get(metric, {})
            results.append(better(metric, bound.better_than, value, rivals, comparisons.get(metric, {})))
    return results


def better(
    metric: str,
    wanted: str,
    value: float | None,
    baselines: Values,
    comparisons: Mapping[str, Comparison],
) -> dict[str, Any]:
    name = best_baseline(baselines, comparisons) if wanted == BEST and baselines else wanted
    if name not in baselines:
        missing = "any baseline" if wanted == BEST else wanted
        return entry(metric, f"better than {missing}, which was not measured", value, False)
    met = name in comparisons and comparisons[name].better
    return entry(metric, f"significantly better than {name} ({share(baselines[name])})", value, met)


def entry(
    metric: str, bound: str, value: float | None, met: bool, *, at_least: float | None = None
) -> dict[str, Any]:
    measured = {} if value is None else {"value": value}
    least = {} if at_least is None else {"at_least": at_least}
    return {"metric": metric, "bound": bound, **least, **measured, "met": met}
