"""What makes a run's numbers doubtful, each with its evidence. A warning stands above the verdict wherever that is shown.

A warning is `{"code", "message", …evidence}`; the report holds them as a list.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import stdev
from typing import Any

from hf_recipes.evaluation.answers import BASELINES, FINE_TUNED, Answer
from hf_recipes.evaluation.training import Logged, logged, training
from hf_recipes.runner.files import read_object

Warned = dict[str, Any]
VERIFIED = "work/verified.json"
"""In the run's folder: what the verify step saw in the weights."""
RISE = 1.05
"""Losses of single batches scatter: a mean at the end counts as risen where it is so many times that at the beginning."""
JUMP = 1.25
"""So many times the first loss counts as risen, too, unless the beginning as a whole was as high and the loss has fallen since."""
EXPLOSION = 3
"""So many times both ends: single batches do not scatter so."""
NOTICED = 0.01
"""A rise of less is none, whatever its share: losses near 0 scatter by many times themselves."""
WINDOW = 10
"""The share, one in so many, of the logged losses whose mean is the beginning's, and the end's."""
ENOUGH = 10
"""Logged losses of which it can be said how much they scatter; of fewer only a JUMP counts."""
LEAST_FOR_QUARTERS = 20
GAIN_LOST = 0.25
"""A loss that fell and rises again has lost this share of what it had gained."""
FEW_GRADIENTS = 0.1
"""A larger share of gradients that are zero or not finite is told. fp16 finds its scale by a few that are not finite."""
NEARLY_ALL = 0.95
OFTEN_EXPECTED = 0.75


def training_and_warnings(run: Path) -> dict[str, Any]:
    """`training` and `warnings` of a run: as its report has them, else out of its events. Absent where there are none."""
    report = read_object(run / "report" / "report.json")
    warned = report.get("warnings") if "methods" in report else of_training(run)
    found = {"training": report.get("training") or training(run), "warnings": warned}
    return {name: value for name, value in found.items() if value}


def of_training(run: Path) -> list[Warned]:
    """What the trainer's own numbers and the trained weights say."""
    found = logged(run)
    return [*_losses(found.losses), *_gradients(found), *_weights(run)]


def of_answers(answers: Mapping[str, Mapping[int, Answer]]) -> list[Warned]:
    """What the recorded answers say. `answers`: method → row → answer."""
    return [*_empty(answers), *_all_the_same(answers), *_those_of_the_base(answers)]


def _losses(losses: Sequence[float]) -> Iterator[Warned]:
    odd = sum(not math.isfinite(loss) for loss in losses)
    if odd:
        message = f"{odd} of the {len(losses)} logged losses are not finite: training diverged"
        yield _warned("loss-not-finite", message, count=odd, logged=len(losses))
        return
    if len(losses) < 2:
        return
    size = max(1, len(losses) // WINDOW)
    begin, end = _mean(losses[:size]), _mean(losses[-size:])
    first, last = losses[0], losses[-1]
    evidence = {"first": first, "last": last, "first_mean": begin, "last_mean": end, "logged": len(losses)}
    means = f" (means of {size})" if size > 1 else ""
    if len(losses) < ENOUGH:
        from_begin, from_first = _rose(begin, end, JUMP), False
    else:
        # What shot up and came to rest is no noise, in which its rise would be lost.
        shot_up = max(losses) > EXPLOSION * max(first, begin, end)
        noise = _noise(losses[len(losses) // 2 :] if shot_up else losses)
        from_begin = _rose(begin, end, RISE, noise * math.sqrt(2 / size))
        from_first = _rose(first, end, JUMP, noise * math.sqrt(1 + 1 / size)) and end * RISE > begin
    if from_begin or from_first:
        since = f"{first:.4g}" if from_first else f"{begin:.4g}{means}"
        message = (
            f"the loss rose from {since} to {end:.4g}{means} over {len(losses)} logged: training made the model worse at its "
            "own rows; a lower params.lr may help"
        )
        yield _warned("loss-rose", message, **evidence)
        return
    if len(losses) < LEAST_FOR_QUARTERS:
        return
    quarters = [_mean(losses[len(losses) * part // 4 : len(losses) * (part + 1) // 4]) for part in range(4)]
    lowest, fourth = min(quarters), quarters[3]
    # The lowest of several quarters is low by chance, too: half as much again is asked of it.
    within = 1.5 * _noise(losses) * math.sqrt(8 / len(losses))
    if _rose(lowest, fourth, RISE, within) and fourth - lowest > GAIN_LOST * (max(begin, first) - lowest):
        message = (
            f"the loss fell from {begin:.4g}{means} to {lowest:.4g} and rose again to {fourth:.4g}, as means of the quarters of "
            f"{len(losses)} logged; a lower params.lr may help"
        )
        yield _warned("loss-rose", message, **evidence, lowest_mean=lowest)


def _rose(before: float, after: float, times: float, error: float = 0.0) -> bool:
    """By more than a share of what was before, and by more than two standard errors of the difference."""
    return after - before > max(NOTICED, (times - 1) * abs(before), 2 * error)


def _noise(losses: Sequence[float]) -> float:
    """The standard deviation of one logged loss around its trend: differences of neighbours have twice its variance."""
    return stdev(after - before for before, after in pairwise(losses)) / math.sqrt(2)


def _gradients(found: Logged) -> Iterator[Warned]:
    norms = found.gradients
    zero = sum(norm == 0 for norm in norms)
    odd = sum(not math.isfinite(norm) for norm in norms)
    if zero and (zero > FEW_GRADIENTS * len(norms) or norms[-1] == 0):
        message = (
            f"the gradient was 0 in {zero} of the {len(norms)} logged updates: nothing is learned from those"
        )
        yield _warned("gradient-zero", message, count=zero, logged=len(norms))
    if odd and (odd > FEW_GRADIENTS * len(norms) or not math.isfinite(norms[-1])):
        message = f"the gradient was no finite number in {odd} of the {len(norms)} logged updates: training diverged, or its numbers are too large for the precision"
        yield _warned("gradient-not-finite", message, count=odd, logged=len(norms))


def _weights(run: Path) -> list[Warned]:
    said = read_object(run / VERIFIED).get("warnings")
    found = [warning for warning in said if isinstance(warning, dict)] if isinstance(said, list) else []
    return [
        item for item in found if isinstance(item.get("code"), str) and isinstance(item.get("message"), str)
    ]


def _empty(answers: Mapping[str, Mapping[int, Answer]]) -> Iterator[Warned]:
    """Half of them is enough: no such number says anything of a model. Rows whose expected answer is empty don't count."""
    for method, rows in answers.items():
        due = [row for row in rows.values() if row.reference.strip()]
        empty = sum(not answer.answer.strip() for answer in due)
        if not due or 2 * empty < len(due):
            continue
        share = "all" if empty == len(due) else f"{empty} of"
        message = f"{share} {len(due)} answers of {_named(method)} are empty"
        yield _warned("answers-empty", message, method=method, count=empty, rows=len(due))


def _all_the_same(answers: Mapping[str, Mapping[int, Answer]]) -> Iterator[Warned]:
    """For the fine-tuned model only: an untrained base may well give one answer to everything."""
    rows = list(answers.get(FINE_TUNED, {}).values())
    given = Counter(row.answer.strip() for row in rows)
    expected = Counter(row.reference.strip() for row in rows)
    if len(rows) < 2 or len(expected) < 2:
        return
    (answer, count), often = given.most_common(1)[0], expected.most_common(1)[0][1]
    nearly = count >= NEARLY_ALL * len(rows) and often <= OFTEN_EXPECTED * len(rows)
    if not answer or not (count == len(rows) or nearly):
        return
    message = f"{_named(FINE_TUNED)} gives one and the same answer in {count} of {len(rows)} rows, where {len(expected)} different ones are expected"
    yield _warned("answers-the-same", message, method=FINE_TUNED, count=count, rows=len(rows), expected=len(expected))  # fmt: skip


def _those_of_the_base(answers: Mapping[str, Mapping[int, Answer]]) -> Iterator[Warned]:
    """Asked without examples, the base sees the very prompt of the fine-tuned model."""
    tuned, base = answers.get(FINE_TUNED, {}), answers.get(BASELINES[0], {})
    if (
        tuned
        and base
        and all(row in base and base[row].answer == recorded.answer for row, recorded in tuned.items())
    ):
        message = f"{_named(FINE_TUNED)} gives the base's answer in all {len(tuned)} rows: training changed nothing that they show"
        yield _warned("answers-of-the-base", message, method=FINE_TUNED, count=len(tuned), rows=len(tuned))


def _named(method: str) -> str:
    return "the fine-tuned model" if method == FINE_TUNED else method


def _warned(code: str, message: str, **evidence: Any) -> Warned:
    return {"code": code, "message": message, **evidence}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
