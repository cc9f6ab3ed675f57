"""Is the fine-tuned model worth having? Decided on the rows that it and the baselines all answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hf_recipes.evaluation.interval import holm, mcnemar
from hf_recipes.evaluation.rounding import difference, p_is, p_value, points, share

if TYPE_CHECKING:
    from hf_recipes.evaluation.measured import Measured

ALPHA = 0.05
COARSE = 0.10
"""A split that can't show a difference this large is too small to say that there is none."""
CANNOT_BE_BEST = 0.01
"""A baseline that is shown, at this level, to be worse than the best of them is none that the fine-tuned model has to beat."""
SAME = 1e-9
TOO_FEW_ROWS = "too-few-rows"
NOT_MEASURED = "not-measured"
"""The decision where so many answers were cut that it depends on how they would have continued (outcomes.py)."""


@dataclass(frozen=True)
class Comparison:
    """The fine-tuned model against one baseline, in one metric."""

    difference: float
    """Fine-tuned minus baseline."""
    low: float
    high: float
    """95 % interval of the difference, by the paired bootstrap."""
    p: float
    """Two-sided, after Holm's correction over the baselines that can be the best; uncorrected for the others."""
    test: str
    """mcnemar where a row is right or wrong, else permutation."""
    wins: int
    """Rows on which the fine-tuned model has the higher value."""
    losses: int
    """Rows on which the baseline has."""
    p_before: float
    """Before the correction."""
    family: int
    """Baselines that the correction ran over, this one among them; 1 where there was none."""

    @property
    def better(self) -> bool:
        return self.difference > 0 and self.p < ALPHA

    @property
    def worse(self) -> bool:
        return self.difference < 0 and self.p < ALPHA

    @property
    def only_the_correction(self) -> bool:
        """Whether the difference would be shown, were this the only baseline that can be the best."""
        return self.p_before < ALPHA <= self.p


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

    found = {}
    for name, (test, before, p, family) in p_values(tuned, baselines).items():
        baseline = baselines[name]
        pairs = list(zip(tuned.values, baseline.values, strict=True))
        found[name] = Comparison(
            tuned.value - baseline.value,
            *difference_interval(tuned, baseline),
            p,
            test,
            wins=sum(a > b + SAME for a, b in pairs),
            losses=sum(b > a + SAME for a, b in pairs),
            p_before=before,
            family=family,
        )
    return found


def p_values(tuned: Measured, baselines: Mapping[str, Measured]) -> dict[str, tuple[str, float, float, int]]:
    """Baseline → the test's name, p before and after the correction, and over how many it ran."""
    raw = {name: _tested(tuned, measured) for name, measured in baselines.items()}
    family = can_be_best(baselines)
    adjusted = dict(zip(family, holm([raw[name][1] for name in family]), strict=True))
    return {
        name: (test, before, adjusted.get(name, before), len(family) if name in adjusted else 1)
        for name, (test, before) in raw.items()
    }


def can_be_best(baselines: Mapping[str, Measured]) -> list[str]:
    """The family that Holm's correction runs over: all but the baselines that are shown to be worse than the best of them.

    The verdict is about the best baseline, and which one that is, is chosen by the same rows: so the correction has to run over
    all that could have been chosen, and over no more. The choice looks at the baselines alone, never at the fine-tuned model,
    and leaves one out only at a level far below the test's: the chance that equal models are told apart stays within 5 %
    (tests/evaluation/libraries/test_evaluation_family.py draws it).
    """
    best = max(baselines, key=lambda name: baselines[name].value)
    return [
        name
        for name, measured in baselines.items()
        if measured.value >= baselines[best].value - SAME
        or _tested(baselines[best], measured)[1] >= CANNOT_BE_BEST
    ]


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


def verdict_of(
    tuned: Measured,
    baselines: Mapping[str, Measured],
    comparisons: Mapping[str, Comparison] | None = None,
) -> Verdict:
    """Needs at least one row and one baseline. `comparisons`: those of `compare`, where they have been made."""
    n = len(tuned.values)
    comparisons = comparisons or compare(tuned, baselines)
    best = best_baseline({name: measured.value for name, measured in baselines.items()}, comparisons)
    against = comparisons[best]
    smallest = _smallest(tuned, baselines[best], against)
    shown = evidence(tuned, baselines[best], best, against)
    if against.better:
        decision, reason = "fine-tuned", f"The fine-tuned model is better than the best baseline: {shown}."
    elif against.worse:
        decision, reason = "baseline", f"The best baseline is better than the fine-tuned model: {shown}."
    elif smallest > COARSE or against.only_the_correction:
        decision = TOO_FEW_ROWS
        reason = (
            f"Neither is clearly better: {shown}.{_correction(against)} {_shows(n, smallest, against.family)}"
        )
    else:
        decision = "no-difference"
        reason = f"The best baseline does as well, as far as these rows can tell: {shown}. {_shows(n, smallest, against.family)}"
    return Verdict(decision, reason, best, smallest)


def _correction(against: Comparison) -> str:
    if not against.only_the_correction:
        return ""
    return (
        f" Only the correction makes the difference non-significant: p {p_is(against.p_before)} before, {p_value(against.p)} after Holm over "
        f"{against.family} baselines that can be the best."
    )


def _shows(n: int, smallest: float, baselines: int) -> str:
    if n < fewest_rows(baselines):
        return f"So few rows cannot show any difference: it takes {fewest_rows(baselines)}."
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


def _smallest(tuned: Measured, baseline: Measured, against: Comparison) -> float:
    """At Holm's strictest level, by the normal approximation; never below what rows all in one direction can show.

    Where a row is right or wrong the standard error is McNemar's, √(wins + losses) / n (A. Agresti, Categorical Data
    Analysis, section 11.1: its variance were both methods the same); else the bootstrap's.
    """
    from statistics import NormalDist

    n, baselines = len(tuned.values), against.family
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
