"""Is the fine-tuned model worth having? Decided on the rows that it and the baselines all answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hf_recipes.evaluation.interval import holm, mcnemar

ALPHA = 0.05
COARSE = 0.10
"""A split that can't show a difference this large is too small to say that there is none."""


@dataclass(frozen=True)
class Comparison:
    """The fine-tuned model against one baseline."""

    baseline: str
    wins: int
    """Rows that the fine-tuned model alone got right."""
    losses: int
    """Rows that the baseline alone got right."""
    p: float
    """Exact McNemar, two-sided, after Holm's correction over the baselines."""

    @property
    def better(self) -> bool:
        return self.wins > self.losses and self.p < ALPHA

    @property
    def worse(self) -> bool:
        return self.wins < self.losses and self.p < ALPHA


@dataclass(frozen=True)
class Verdict:
    decision: str
    """fine-tuned, baseline, no-difference or too-few-rows."""
    reason: str
    against: str
    """The best baseline."""
    smallest_difference: float
    """The smallest difference in share of rows that this many rows could show, were it all in one direction."""


def compare(tuned: Sequence[float], baselines: Mapping[str, Sequence[float]]) -> list[Comparison]:
    """Values of one metric, row by row in the same order. A row counts as right where the value is 1."""
    pairs = []
    for name, values in baselines.items():
        wins = sum(a == 1 and b != 1 for a, b in zip(tuned, values, strict=True))
        losses = sum(a != 1 and b == 1 for a, b in zip(tuned, values, strict=True))
        pairs.append((name, wins, losses))
    adjusted = holm([mcnemar(wins, losses) for _, wins, losses in pairs])
    return [Comparison(*pair, p) for pair, p in zip(pairs, adjusted, strict=True)]


def best_baseline(baselines: Mapping[str, Sequence[float]]) -> str:
    """The one with the highest mean; of equals the first."""
    return max(baselines, key=lambda name: sum(baselines[name]))


def decide(tuned: Sequence[float], baselines: Mapping[str, Sequence[float]]) -> Verdict:
    """Needs at least one row and one baseline."""
    n = len(tuned)
    best = best_baseline(baselines)
    [against] = [one for one in compare(tuned, baselines) if one.baseline == best]
    right, base_right = sum(value == 1 for value in tuned), sum(value == 1 for value in baselines[best])
    smallest = smallest_difference(n, len(baselines))
    counts = (
        f"fine-tuned {right} of {n} rows right, {best} {base_right} of {n}; "
        f"{against.wins} rows only fine-tuned, {against.losses} only {best}; p {readable(against.p)}"
    )
    if against.better:
        decision, reason = "fine-tuned", f"The fine-tuned model is better than the best baseline: {counts}."
    elif against.worse:
        decision, reason = "baseline", f"The best baseline is better than the fine-tuned model: {counts}."
    elif smallest > COARSE:
        decision = "too-few-rows"
        reason = f"Too few rows to tell: {counts}. {n} rows can show a difference of {points(smallest)} or more at the best."
    else:
        decision = "no-difference"
        reason = f"No difference was shown: {counts}. {n} rows can show a difference of {points(smallest)} at the best."
    return Verdict(decision, reason, best, smallest)


def smallest_difference(n: int, baselines: int) -> float:
    """As a share of the `n` rows, 1 at the most: fewer rows than that, all in one direction, leave p at 0.05 or above."""
    rows = 1
    while baselines * mcnemar(rows, 0) >= ALPHA:
        rows += 1
    return min(1.0, rows / n)


def readable(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def points(share: float) -> str:
    return f"{100 * share:.1f} points"
