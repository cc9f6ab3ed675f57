"""The recorded answers of a run, read and checked: `answers/<method>.jsonl`, one row a line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BASELINES = ("zero-shot", "few-shot", "retrieval")
FINE_TUNED = "fine-tuned"
METHODS = (*BASELINES, FINE_TUNED)


class EvaluationFailed(Exception):
    """The recorded answers can't be turned into a report; the message says why in one sentence."""


@dataclass(frozen=True)
class Answer:
    row: int
    answer: str
    reference: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    weights: str
    """Which weights made the answer: `base:<fingerprint>` or `fine-tuned:<fingerprint>`."""


def read(folder: Path) -> dict[str, dict[int, Answer]]:
    """Method → row → answer, methods in the order of METHODS.

    Raises EvaluationFailed unless every method answered the same rows, with the same references, and with the weights that
    its name promises.
    """
    methods = {
        name: read_file(folder / f"{name}.jsonl", name)
        for name in METHODS
        if (folder / f"{name}.jsonl").is_file()
    }
    if not methods:
        raise EvaluationFailed(f"There are no recorded answers in {folder.name}/: nothing was evaluated.")
    first = next(iter(methods))
    for name, answers in methods.items():
        check_rows(first, methods[first], name, answers)
        check_weights(name, answers)
    bases = {next(iter(methods[name].values())).weights for name in BASELINES if name in methods}
    if len(bases) > 1:
        raise EvaluationFailed(
            f"The baselines were answered by different weights ({', '.join(sorted(bases))})."
        )
    return methods


def read_file(file: Path, method: str) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            answer = parse(json.loads(line.decode()), method)
        except (ValueError, KeyError, TypeError) as problem:
            raise EvaluationFailed(
                f"{file.name}, line {number}, is not a recorded answer: {problem}."
            ) from None
        if answer.row in answers:
            raise EvaluationFailed(f"{file.name}, line {number}: row {answer.row} was already answered.")
        answers[answer.row] = answer
    if not answers:
        raise EvaluationFailed(f"{file.name} holds no answers.")
    return dict(sorted(answers.items()))


def parse(line: object, method: str) -> Answer:
    """One line's JSON. Raises KeyError, TypeError or ValueError where it isn't an answer; keys we don't know are ignored."""
    if not isinstance(line, Mapping):
        raise TypeError("not an object")
    if line["method"] != method:
        raise ValueError(f"its method is {line['method']!r}")
    for key, kind in (("row", int), ("answer", str), ("reference", str), ("weights", str)):
        if type(line[key]) is not kind:
            raise TypeError(f"{key} is not {kind.__name__}")
    for key in ("prompt_tokens", "completion_tokens"):
        if type(line[key]) is not int or line[key] < 0:
            raise TypeError(f"{key} is not a count")
    seconds = line["seconds"]
    if type(seconds) not in (int, float) or not math.isfinite(seconds) or seconds < 0:
        raise TypeError("seconds is not a time")
    return Answer(
        row=line["row"],
        answer=line["answer"],
        reference=line["reference"],
        prompt_tokens=line["prompt_tokens"],
        completion_tokens=line["completion_tokens"],
        seconds=float(seconds),
        weights=line["weights"],
    )


def check_rows(
    first: str, expected: Mapping[int, Answer], method: str, answers: Mapping[int, Answer]
) -> None:
    if expected.keys() != answers.keys():
        odd = min(expected.keys() ^ answers.keys())
        raise EvaluationFailed(
            f"{first} and {method} answered different rows ({len(expected)} and {len(answers)}; row {odd} is in one only), "
            "so they can't be compared."
        )
    for row, answer in answers.items():
        if answer.reference != expected[row].reference:
            raise EvaluationFailed(
                f"{first} and {method} were measured against different references in row {row}."
            )


def check_weights(method: str, answers: Mapping[int, Answer]) -> None:
    stamps = {answer.weights for answer in answers.values()}
    if len(stamps) > 1:
        raise EvaluationFailed(
            f"{method} was answered by more than one set of weights ({', '.join(sorted(stamps))})."
        )
    [stamp] = stamps
    promised = "fine-tuned:" if method == FINE_TUNED else "base:"
    if not stamp.startswith(promised):
        raise EvaluationFailed(
            f"{method} was answered by {stamp!r}; only weights stamped {promised!r} may answer for it."
        )
