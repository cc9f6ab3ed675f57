"""The bounds that a recipe sets in `evaluate.require`, held against what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation.verdict import best_baseline, compare

BEST = "best_baseline"


def check(
    require: Mapping[str, Mapping[str, Any]],
    tuned: Mapping[str, Sequence[float]] | None,
    baselines: Mapping[str, Mapping[str, Sequence[float]]],
) -> list[dict[str, Any]]:
    """One {metric, bound, value, met} a bound, in the recipe's order.

    `tuned`: metric → values by row; `baselines`: metric → method → values by row. `value` is the fine-tuned model's, and is
    absent, the bound not met, where it was not measured. `better_than` asks for a difference that the rows show (see
    verdict.py), not merely for a higher number.
    """
    results = []
    for metric, bound in require.items():
        values = tuned.get(metric) if tuned is not None else None
        if bound.get("at_least") is not None:
            least = float(bound["at_least"])
            met = values is not None and mean(values) >= least
            results.append(entry(metric, f"at least {least:g}", values, met))
        if bound.get("better_than") is not None:
            results.append(better(metric, str(bound["better_than"]), values, baselines.get(metric, {})))
    return results


def better(
    metric: str, wanted: str, values: Sequence[float] | None, baselines: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    name = best_baseline(baselines) if wanted == BEST and baselines else wanted
    if name not in baselines:
        missing = "any baseline" if wanted == BEST else wanted
        return entry(metric, f"better than {missing}, which was not measured", values, False)
    met = values is not None and any(one.better for one in compare(values, baselines) if one.baseline == name)
    return entry(metric, f"better than {name} ({mean(baselines[name]):.3f})", values, met)


def entry(metric: str, bound: str, values: Sequence[float] | None, met: bool) -> dict[str, Any]:
    measured = {} if values is None else {"value": mean(values)}
    return {"metric": metric, "bound": bound, **measured, "met": met}


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
