"""Should this base be fine-tuned at all? Decided before any training, on what its baselines measured. Pure.

The rules, in this order:
1. A baseline whose whole 95 % interval lies at or above the target is good enough: keep prompting, with the best of those.
2. Where every baseline's whole interval lies below the target, prompting falls short: fine-tune, if the base can be tuned
   and there are training rows enough. Whether tuning reaches the target is for a run to measure. Where even the best
   interval ends below half of the target and the base is small, a larger base is measured first: that costs minutes.
3. Otherwise the evidence is too thin, and the number of test rows that would settle it is given.

A target may be a baseline (`better_than`): what a model must have at the least for these rows to show that it is better.
Then there is room for that (rule 2), or there is none (keep prompting).

The first rule looks at several baselines and takes the best, which favours prompting slightly: with three of them, each
exactly at the target, one passes by chance in at most 7.5 % of the cases. The second asks all of them, which favours neither.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hf_recipes.catalog.metrics import metrics_where
from hf_recipes.data.needed import TASKS
from hf_recipes.evaluation.gate import BEST
from hf_recipes.evaluation.interval import Z_95
from hf_recipes.evaluation.rounding import EQUAL, bound_share, points, share, share_against
from hf_recipes.evaluation.verdict import smallest_difference

Z_POWER_80 = 0.8416212335729143
"""The 80 % quantile of the normal distribution."""
ASSUMED_TARGET = 0.9
"""Of the metrics in COUNTS, where the recipe sets none: nine in ten. An assumption of ours, and said to be."""
RIGHT_OR_WRONG = metrics_where("right_or_wrong")
COUNTS = metrics_where("absolute")
NEEDED = TASKS["sft"]
FEW_ROWS = NEEDED.rows or 0
"""Training rows below which tuning is not tried: what `check` warns of too."""
MOST_ROWS = 100_000
"""Test rows beyond which more of them is no advice."""
RULES = (
    "a baseline whose whole interval is at or above the target: keep prompting, with the best of those",
    "every baseline's whole interval below the target: fine-tune, if the base can be tuned and there are training rows enough",
    "that, below half of the target, with a base of less than a billion parameters: measure a larger base first",
    "otherwise: too thin, with the test rows that would settle it",
)

KEEP, TUNE, THIN, CANNOT, MORE_DATA, LARGER = (
    "keep-prompting", "fine-tune", "too-thin", "cannot-tune", "more-data", "larger-base"
)  # fmt: skip
FAR = 0.5
"""A best baseline below this share of the target is far from it."""


@dataclass(frozen=True)
class MeasuredBaseline:
    """A baseline's value of the first metric, from 0 to 1, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Target:
    metric: str
    value: float | None
    """None: the recipe sets none, and none can be assumed for this metric."""
    basis: str
    rival: str | None = None
    """The baseline that is to be beaten, where the target follows from that; best_baseline until it is measured."""

    @property
    def assumed(self) -> bool:
        return self.basis.startswith("assumed")


@dataclass(frozen=True)
class Decision:
    decision: str
    """keep-prompting, fine-tune, larger-base, too-thin, cannot-tune or more-data."""
    sentence: str
    method: str | None = None
    """The best baseline."""
    more_rows: int | None = None
    """Test rows to add for the evidence to settle it; None where more rows are no help or not needed."""


@dataclass(frozen=True)
class BaseSize:
    """What is known of the base's size."""

    small: bool = False
    larger: Sequence[str] = ()
    """The next sizes of its family, by name."""


def target_of(metric: str, at_least: float | None, better_than: str | None = None) -> Target:
    """The bound that the recipe sets on its first metric (`evaluate.require.<metric>`: `at_least`, or `better_than` alone), else
    the assumption."""
    key = f"evaluate.require.{metric}.at_least"
    if at_least is not None:
        return Target(metric, at_least, f"the recipe's {key}")
    if better_than is not None:
        return Target(metric, None, f"the recipe's evaluate.require.{metric}.better_than", better_than)
    if metric in COUNTS:
        return Target(metric, ASSUMED_TARGET, f"assumed, since the recipe sets no {key}")
    return Target(metric, None, f"the recipe sets no {key}, and none can be assumed for {metric}")


def measured_target(target: Target, baselines: Mapping[str, MeasuredBaseline], n: int) -> Target:
    """A target that is a baseline, once that is measured: its value, and the least more that `n` rows can show."""
    if target.rival is None:
        return target
    rival = _best(baselines) if target.rival == BEST else target.rival
    if rival not in baselines:
        return replace(target, basis=f"{target.basis}: {rival} was not measured", rival=None)
    has, least = baselines[rival].value, smallest_difference(n, len(baselines))
    basis = f"{target.basis}: {rival} has {share(has)}, and {n} rows show a difference of {points(least)} at the least"
    return replace(target, value=has + least, basis=basis, rival=rival)


def decide(
    baselines: Mapping[str, MeasuredBaseline],
    n: int,
    target: Target,
    *,
    tunable: bool | None,
    train_rows: int | None,
    size: BaseSize | None = None,
) -> Decision:
    """At least one baseline, measured on the same `n` rows. `tunable` None: nothing found against it, not all could be asked."""
    best = _best(baselines)
    target = measured_target(target, baselines, n)
    if target.rival is not None and target.value is not None:
        return _beating(target.rival, target.value, baselines, n, tunable, train_rows)
    if target.value is None:
        return Decision(
            THIN,
            f"There is nothing to hold the numbers against: {target.basis}. Say what is good enough there.",
            best,
        )
    enough = {name: measured for name, measured in baselines.items() if measured.low >= target.value}
    if enough:
        method = max(enough, key=lambda name: enough[name].value)
        return Decision(
            KEEP,
            f"{_with(method)} reaches the target: {_share(enough[method], n, target.value)}, and {bound_share(target.value)} are asked for.",
            method,
        )
    if all(measured.high < target.value for measured in baselines.values()):
        short = f"No baseline reaches the target of {bound_share(target.value)}: the best, {best}, has {_share(baselines[best], n, target.value)}"
        made = _falls_short(short, best, tunable, train_rows)
        far = all(measured.high < FAR * target.value for measured in baselines.values())
        return (
            _larger_first(short, made, size)
            if far and size and size.small and made.decision == TUNE
            else made
        )
    return _thin(baselines, best, n, target)


def _best(baselines: Mapping[str, MeasuredBaseline]) -> str:
    return max(baselines, key=lambda name: baselines[name].value)


def _beating(
    rival: str,
    target: float,
    baselines: Mapping[str, MeasuredBaseline],
    n: int,
    tunable: bool | None,
    train_rows: int | None,
) -> Decision:
    """Whether there is room to be better than a baseline."""
    if target > 1 + EQUAL:
        has = share(baselines[rival].value)
        return Decision(
            KEEP,
            f"{_with(rival)} leaves no room: it has {has} of {n} rows, and nothing that is better could be shown to be on so many. "
            "More test rows could show less.",
            rival,
        )
    value = baselines[rival]
    short = (
        f"The recipe asks for better than {rival}, which has {_share(value, n, target)}: it takes {share(target)} or more "
        f"for {n} rows to show that"
    )
    return _falls_short(short, _best(baselines), tunable, train_rows)


def _larger_first(short: str, made: Decision, size: BaseSize) -> Decision:
    if not size.larger:
        return replace(
            made,
            sentence=f"{made.sentence} That is far, and the base is small: a larger one may be worth measuring first.",
        )
    return Decision(
        LARGER,
        f"{short}. That is far, and the base is small: take a larger one first, such as {' or '.join(size.larger)}, and measure it "
        "as it is; that takes no training. Tuning this one may still get there: only a run can tell.",
        made.method,
    )


def rows_needed(measured: MeasuredBaseline, n: int, target: float, *, right_or_wrong: bool) -> int | None:
    """Test rows for the interval to leave the target out in 80 of 100 cases, were the true value the one measured on `n` rows.

    n' = ((z_0.975 σ₀ + z_0.8 σ) / δ)² with δ the distance from the target: Rosner, Fundamentals of Biostatistics, chapter 7,
    sample size of the two-sided one-sample tests. Where rows are right or wrong σ₀ = √(t (1 - t)) at the target t and
    σ = √(p (1 - p)); of other values both are the σ of the interval measured, whose half width is z_0.975 σ / √n.
    None where the value is the target itself, or so near that it would take more than MOST_ROWS.
    """
    distance = abs(measured.value - target)
    if distance < 1e-9:
        return None
    if right_or_wrong:
        at_target, at_value = (math.sqrt(share * (1 - share)) for share in (target, measured.value))
    else:
        at_target = at_value = math.sqrt(n) * (measured.high - measured.low) / (2 * Z_95)
    needed = math.ceil(((Z_95 * at_target + Z_POWER_80 * at_value) / distance) ** 2)
    return max(needed, n + 1) if needed <= MOST_ROWS else None


def _falls_short(short: str, best: str, tunable: bool | None, train_rows: int | None) -> Decision:
    if tunable is False:
        return Decision(CANNOT, f"{short}; and this base cannot be tuned: take another one.", best)
    if train_rows is not None and train_rows < FEW_ROWS:
        return Decision(
            MORE_DATA,
            f"{short}; but {train_rows} training rows are too few to tune on: have {FEW_ROWS} at the least.",
            best,
        )
    unsure = (
        ""
        if tunable and train_rows is not None
        else " Not everything that speaks for or against tuning could be asked."
    )
    return Decision(TUNE, f"{short}. Whether tuning gets there is for a run to measure.{unsure}", best)


def _thin(baselines: Mapping[str, MeasuredBaseline], best: str, n: int, aim: Target) -> Decision:
    """What settles it: the best baseline above the target, or, where it is below, all that may still reach it."""
    target = aim.value or 0.0
    if baselines[best].value >= target:
        open_ones = [baselines[best]]
    else:
        open_ones = [measured for measured in baselines.values() if measured.high >= target]
    needed = [
        rows_needed(measured, n, target, right_or_wrong=aim.metric in RIGHT_OR_WRONG)
        for measured in open_ones
    ]
    thin = f"The evidence is too thin: the best baseline, {best}, has {_share(baselines[best], n, target)}, which leaves {bound_share(target)} open"
    if any(need is None for need in needed):
        return Decision(
            THIN,
            f"{thin}. It is so near that more rows will not settle it: either choice is defensible.",
            best,
        )
    more = max(need for need in needed if need is not None) - n
    return Decision(
        THIN, f"{thin}. About {more} more test rows would settle it in 80 of 100 cases.", best, more
    )


def _with(method: str) -> str:
    return f"Prompting ({method})"


def _share(measured: MeasuredBaseline, n: int, target: float) -> str:
    value, low, high = (
        share_against(share, target) for share in (measured.value, measured.low, measured.high)
    )
    return f"{value} ({low} to {high}, {n} rows)"
