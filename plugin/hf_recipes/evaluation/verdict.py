"""Is the fine-tuned model worth having? Decided on the rows that it and the baselines all answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hf_recipes.evaluation.interval import holm, mcnemar
from hf_recipes.evaluation.rounding import difference, p_is, points, share

if TYPE_CHECKING:
    from hf_recipes.evaluation.measured import Measured

ALPHA = 0.05
COARSE = 0.10
"""A split that can't show a difference this large is too small to say that there is none."""
SAME = 1e-9
NOT_MEASURED = "not-measured"
"""The decision where so many answers were cut that it hangs on how these had gone on (outcomes.py)."""


@dataclass(frozen=True)
class Comparison:
    """The fine-tuned model against one baseline, in one metric."""

    difference: float
    """Fine-tuned minus baseline."""
    low: float
    high: float
    """95 % interval of the difference, by the paired bootstrap."""
    p: float
    """Two-sided, after Holm's correction over the baselines."""
    test: str
    """mcnemar where a row is right or wrong, else permutation."""
    wins: int
    """Rows on which the fine-tuned model has the higher value."""
    losses: int
    """Rows on which the baseline has."""

    @property
    def better(self) -> bool:
        return self.difference > 0 and self.p < ALPHA

    @property
    def worse(self) -> bool:
        return self.difference < 0 and self.p < ALPHA


@dataclass(frozen=True)
class Verdict:
    decision: str
    """fine-tuned, baseline, no-difference, too-few-rows or not-measured."""
    reason: str
    against: str
    """The best baseline."""
    smallest_difference: float
    """The smallest difference that could be shown by rows that differ as much as these."""


def compare(tuned: Measured, baselines: Mapping[str, Measured]) -> dict[str, Comparison]:
    """Against each baseline, on the same rows."""
    from hf_recipes.evaluation.resampling import difference_interval

    tested = [(name, one, *_tested(tuned, one)) for name, one in baselines.items()]
    adjusted = holm([p for *_, p in tested])
    found = {}
    for (name, one, test, _), p in zip(tested, adjusted, strict=True):
        pairs = list(zip(tuned.values, one.values, strict=True))
        found[name] = Comparison(
            tuned.value - one.value,
            *difference_interval(tuned, one),
            p,
            test,
            wins=sum(a > b + SAME for a, b in pairs),
            losses=sum(b > a + SAME for a, b in pairs),
        )
    return found


def _tested(tuned: Measured, baseline: Measured) -> tuple[str, float]:
    """The test's name and its p, before correction."""
    if tuned.right_or_wrong:
        wins = sum(a > b for a, b in zip(tuned.values, baseline.values, strict=True))
        losses = sum(a < b for a, b in zip(tuned.values, baseline.values, strict=True))
        return "mcnemar", mcnemar(wins, losses)
    from hf_recipes.evaluation.resampling import permutation_p

    return "permutation", permutation_p(tuned, baseline)


def best_baseline(values: Mapping[str, float], comparisons: Mapping[str, Comparison]) -> str:
    """The one with the highest value; of equals the one that is the hardest to tell from the fine-tuned model."""

    def rank(name: str) -> tuple[float, float]:
        return round(values[name], 9), comparisons[name].p if name in comparisons else 0.0

    return max(values, key=rank)


def decide(
    tuned: Measured,
    baselines: Mapping[str, Measured],
    comparisons: Mapping[str, Comparison] | None = None,
) -> Verdict:
    """Needs at least one row and one baseline. `comparisons`: those of `compare`, where they have been made."""
    n = len(tuned.values)
    comparisons = comparisons or compare(tuned, baselines)
    best = best_baseline({name: one.value for name, one in baselines.items()}, comparisons)
    against = comparisons[best]
    smallest = _smallest(tuned, baselines[best], against, len(baselines))
    shown = evidence(tuned, baselines[best], best, against)
    if against.better:
        decision, reason = "fine-tuned", f"The fine-tuned model is better than the best baseline: {shown}."
    elif against.worse:
        decision, reason = "baseline", f"The best baseline is better than the fine-tuned model: {shown}."
    elif smallest > COARSE:
        decision = "too-few-rows"
        reason = f"Neither can be called the better one: {shown}. {_shows(n, smallest, len(baselines))}"
    else:
        decision = "no-difference"
        reason = f"The best baseline does as well, as far as these rows can tell: {shown}. {_shows(n, smallest, len(baselines))}"
    return Verdict(decision, reason, best, smallest)


def _shows(n: int, smallest: float, baselines: int) -> str:
    if n < fewest_rows(baselines):
        return f"So few rows can show no difference at all: it takes {fewest_rows(baselines)}."
    return f"{n} rows that differ as much as these can show a difference of {points(smallest)} or more."


def evidence(tuned: Measured, baseline: Measured, best: str, against: Comparison) -> str:
    """The numbers that a verdict goes by: a clause."""
    n = len(tuned.values)
    if tuned.right_or_wrong:
        return (
            f"fine-tuned {sum(tuned.values):.0f} of {n} rows right, {best} {sum(baseline.values):.0f} of {n}; "
            f"{against.wins} rows only fine-tuned, {against.losses} only {best}; p {p_is(against.p)}"
        )
    return (
        f"fine-tuned {share(tuned.value)}, {best} {share(baseline.value)} over {n} rows, a difference of "
        f"{difference(against.difference)} points ({difference(against.low)} to {difference(against.high)}); p {p_is(against.p)}"
    )


def _smallest(tuned: Measured, baseline: Measured, against: Comparison, baselines: int) -> float:
    """At Holm's strictest level, by the normal approximation; never below what rows all in one direction can show.

    Where a row is right or wrong the standard error is McNemar's, √(wins + losses) / n (A. Agresti, Categorical Data
    Analysis, section 11.1: its variance were both methods the same); else the bootstrap's.
    """
    from statistics import NormalDist

    n = len(tuned.values)
    in_one_direction = smallest_difference(n, baselines)
    if n < fewest_rows(baselines):  # which show nothing in any metric
        return in_one_direction
    z = NormalDist().inv_cdf(1 - ALPHA / (2 * baselines))
    if tuned.right_or_wrong:
        spread = math.sqrt(against.wins + against.losses) / n
        return min(1.0, max(in_one_direction, z * spread))
    from hf_recipes.evaluation.resampling import difference_spread

    spread = difference_spread(tuned, baseline)
    return in_one_direction if spread < SAME else min(1.0, z * spread)


def smallest_difference(n: int, baselines: int) -> float:
    """Where no other row differs, as a share of the `n` rows, 1 at the most: fewer rows than that, all in one direction, leave
    p at 0.05 or above."""
    return min(1.0, fewest_rows(baselines) / n)


def fewest_rows(baselines: int) -> int:
    """That differ, all in one direction, for p to be below 0.05."""
    rows = 1
    while baselines * mcnemar(rows, 0) >= ALPHA:
        rows += 1
    return rows
