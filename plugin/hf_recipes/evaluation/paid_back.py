"""After how many requests training has paid for itself, in time: said only of a model that is shown to be no worse than what it
replaces, that meets its bounds, and whose saving is more than noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation.answers import Answer
from hf_recipes.evaluation.rounding import difference
from hf_recipes.evaluation.verdict import NOT_MEASURED, SAME, Comparison

FEWEST_BATCHES = 5
"""Batches of each method below which their seconds are not compared: rows of one batch share theirs."""
Rows = Mapping[int, Answer]


def paid_back(
    tuned: Rows,
    baseline: Rows,
    verdict: Mapping[str, Any],
    against: Comparison,
    gate: Sequence[Mapping[str, Any]],
    training_seconds: float | None,
) -> dict[str, Any]:
    """`requests_to_pay_back`, or `not_paid_back`: why that is not said. Empty where nothing was trained, or nothing is saved."""
    n = len(tuned)
    saved = (_seconds(baseline) - _seconds(tuned)) / n
    if training_seconds is None or saved <= 0:
        return {}
    if why := _not_as_good(verdict, against) or _bound_missed(gate) or _noise(tuned, baseline):
        return {"not_paid_back": why}
    return {"requests_to_pay_back": math.ceil(training_seconds / saved)}


def _not_as_good(verdict: Mapping[str, Any], against: Comparison) -> str:
    """Not worse is to be shown: a difference that the rows cannot tell from none is not shown to be none."""
    if verdict.get("decision") == NOT_MEASURED:
        return "too many answers were cut to tell whether the model is as good"
    if against.better or against.low >= -SAME:
        return ""
    return (
        f"the fine-tuned model is not shown to be as good as {verdict['against']}: {difference(against.difference)} points of "
        f"{verdict['metric']} ({difference(against.low)} to {difference(against.high)})"
    )


def _bound_missed(gate: Sequence[Mapping[str, Any]]) -> str:
    missed = [bound for bound in gate if not bound["met"]]
    return f"{missed[0]['metric']} {missed[0]['bound']} is required, and does not hold" if missed else ""


def _noise(tuned: Rows, baseline: Rows) -> str:
    """Seconds are measured once, on a machine that does other things too: they count where their interval excludes none, or,
    of too few batches for an interval, where the tokens differ."""
    from hf_recipes.evaluation.resampling import mean_interval, seconds_interval

    ours, theirs = ([row.seconds for row in rows.values()] for rows in (tuned, baseline))
    if min(len(set(ours)), len(set(theirs))) >= FEWEST_BATCHES:
        low, high = seconds_interval(ours, theirs)
        if low > 0:
            return ""
        return f"the seconds a request differ by no more than chance ({low:+.3f} to {high:+.3f} less)"
    fewer, _ = mean_interval([_tokens(baseline[row]) - _tokens(answer) for row, answer in tuned.items()])
    if fewer > 0:
        return ""
    return "these rows do not show that a request takes fewer tokens, and the seconds of so few batches show nothing"


def _seconds(rows: Rows) -> float:
    return sum(row.seconds for row in rows.values())


def _tokens(answer: Answer) -> int:
    return answer.prompt_tokens + answer.completion_tokens
