"""The recorded answers of a run, read and checked: `answers/<method>.jsonl`, one row a line."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASELINES = ("zero-shot", "few-shot", "retrieval")
FINE_TUNED = "fine-tuned"
REFERENCE = "reference"
"""A model behind an endpoint: shown beside the others, no part of any decision."""
METHODS = (*BASELINES, REFERENCE, FINE_TUNED)
STAMPS = {**dict.fromkeys(BASELINES, "base:"), REFERENCE: "reference:", FINE_TUNED: "fine-tuned:"}
"""What the name of the weights that may answer for a method begins with."""
Messages = Sequence[Mapping[str, str]]


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
    """Which weights made the answer: `base:<fingerprint>`, `fine-tuned:<fingerprint>` or `reference:<model>`."""
    prompt: Messages | None = None
    """The messages that were sent, where they are not the question's own."""
    cached: bool = False
    """Taken from the answer cache: its seconds were measured when it was made."""
    cut: bool = False
    """Ended at the limit of tokens, and not by itself."""
    reference_nll: float | None = None
    """Negative log-likelihood of the whole reference after the prompt, in nats."""
    reference_tokens: int | None = None


def read_answers(folder: Path) -> dict[str, dict[int, Answer]]:
    """Method → row → answer, methods in the order of METHODS.

    Raises EvaluationFailed unless every method answered the same rows, with the same references, and with the weights that
    its name promises.
    """
    methods = {
        name: read_answer_file(folder / f"{name}.jsonl", name)
        for name in METHODS
        if (folder / f"{name}.jsonl").is_file()
    }
    if not methods:
        raise EvaluationFailed(f"There are no recorded answers in {folder.name}/: nothing was evaluated.")
    first = next(iter(methods))
    for name, answers in methods.items():
        check_rows(first, methods[first], name, answers)
        check_same_weights(name, answers)
    bases = {next(iter(methods[name].values())).weights for name in BASELINES if name in methods}
    if len(bases) > 1:
        raise EvaluationFailed(
            f"The baselines were answered by different weights ({', '.join(sorted(bases))})."
        )
    return methods


def read_answer_file(file: Path, method: str) -> dict[int, Answer]:
    answers: dict[int, Answer] = {}
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            answer = parse_answer(json.loads(line.decode()), method)
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise EvaluationFailed(
                f"{file.name}, line {number}, is not a recorded answer: {problem}."
            ) from None
        if answer.row in answers:
            raise EvaluationFailed(f"{file.name}, line {number}: row {answer.row} was already answered.")
        answers[answer.row] = answer
    if not answers:
        raise EvaluationFailed(f"{file.name} holds no answers.")
    return dict(sorted(answers.items()))


def read_questions(folder: Path) -> dict[int, Messages]:
    """Row → the messages of its question; empty for a run of before they were recorded. Raises EvaluationFailed."""
    file = folder / "questions.jsonl"
    if not file.is_file():
        return {}
    questions: dict[int, Messages] = {}
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line.decode())
            questions[int(found["row"])] = parse_messages(found["messages"])
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            raise EvaluationFailed(
                f"{file.name}, line {number}, is not a recorded question: {problem}."
            ) from None
    return questions


def read_notes(folder: Path) -> dict[str, str]:
    """Method → the sentence why it has no answers; empty where all that were asked have some. Raises EvaluationFailed."""
    file = folder / "notes.json"
    if not file.is_file():
        return {}
    try:
        return {str(method): str(why) for method, why in json.loads(file.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError, RecursionError) as problem:
        raise EvaluationFailed(f"{file.name} is no recorded note: {problem}.") from None


def read_drawn_from(folder: Path, method: str) -> dict[str, Any] | None:
    """What a method's examples or passages were drawn from, as its summary has it; None where that isn't recorded."""
    try:
        found = json.loads((folder / f"{method}.json").read_text(encoding="utf-8")).get("drawn_from")
        return {
            "kind": str(found["kind"]),
            **{name: int(found[name]) for name in ("count", "trained_on") if name in found},
        }
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None


def parse_messages(value: object) -> Messages:
    """Raises TypeError or KeyError."""
    if not isinstance(value, list):
        raise TypeError("its messages are no list")
    return [{"role": str(item["role"]), "content": str(item["content"])} for item in value]


def parse_answer(line: object, method: str) -> Answer:
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
    nll, tokens = line.get("reference_nll"), line.get("reference_tokens")
    if nll is not None and (type(nll) not in (int, float) or not math.isfinite(nll) or nll < 0):
        raise TypeError("reference_nll is not a likelihood")
    if nll is not None and (type(tokens) is not int or tokens < 1):
        raise TypeError("reference_tokens is not a count")
    return Answer(
        row=line["row"],
        answer=line["answer"],
        reference=line["reference"],
        prompt_tokens=line["prompt_tokens"],
        completion_tokens=line["completion_tokens"],
        seconds=float(seconds),
        weights=line["weights"],
        prompt=None if line.get("prompt") is None else parse_messages(line["prompt"]),
        cached=line.get("cached") is True,
        cut=line.get("cut") is True,
        reference_nll=None if nll is None else float(nll),
        reference_tokens=None if nll is None else tokens,
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


def check_same_weights(method: str, answers: Mapping[int, Answer]) -> None:
    stamps = {answer.weights for answer in answers.values()}
    if len(stamps) > 1:
        raise EvaluationFailed(
            f"{method} was answered by more than one set of weights ({', '.join(sorted(stamps))})."
        )
    [stamp] = stamps
    promised = STAMPS[method]
    if not stamp.startswith(promised):
        raise EvaluationFailed(
            f"{method} was answered by {stamp!r}; only weights stamped {promised!r} may answer for it."
        )
