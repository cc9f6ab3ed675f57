"""What is measured on the models themselves, once every method has answered: likelihoods, which need the weights here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.inference.child import Progress, StepFailed, read_lines
from hf_recipes.inference.forgetting import measure_forgetting
from hf_recipes.inference.likelihood import reference_nll
from hf_recipes.inference.prompts import FINE_TUNED
from hf_recipes.recipe.model import Evaluate

AT_A_TIME = 256
"""Rows between two looks at the progress."""


def wanted(evaluate: Evaluate) -> bool:
    """Whether anything here is asked for. A server of a person's own shows no likelihoods."""
    asked = evaluate.forgetting or any(metric.name == "likelihood" for metric in evaluate.metrics)
    return asked and evaluate.server is None


def measure(
    pair: Any,
    evaluate: Evaluate,
    answers: Path,
    questions: Mapping[int, Any],
    methods: Iterable[str],
    progress: Progress,
) -> None:
    """Add `reference_nll` and `reference_tokens` to the recorded answers, and write forgetting.json. Raises StepFailed.

    `questions` is row → messages of the test rows; what has been measured already stays.
    """
    if any(metric.name == "likelihood" for metric in evaluate.metrics):
        for method in methods:
            _likelihoods(pair, method, answers / f"{method}.jsonl", questions, progress)
    if evaluate.forgetting:
        progress(0, 1, what="likelihood of general text")
        measure_forgetting(pair, answers)
        progress(1, 1, what="likelihood of general text")


def _likelihoods(
    pair: Any, method: str, file: Path, questions: Mapping[int, Any], progress: Progress
) -> None:
    records: list[dict[str, Any]] = list(read_lines(file))
    left = [record for record in records if "reference_nll" not in record]
    what = f"{method}: likelihood of the references"
    for start in range(0, len(left), AT_A_TIME):
        some = left[start : start + AT_A_TIME]
        try:
            measured = reference_nll(
                pair,
                [record.get("prompt") or questions[record["row"]] for record in some],
                [record["reference"] for record in some],
                model="fine-tuned" if method == FINE_TUNED else "base",
            )
        except ValueError as error:  # longer than the model takes
            raise StepFailed("evaluation_failed", f"{what}: {error}") from None
        for record, (nats, tokens) in zip(some, measured, strict=True):
            record.update(reference_nll=round(nats, 4), reference_tokens=tokens)
        progress(min(start + AT_A_TIME, len(left)), len(left), what=what)
    if left:
        _write(file, records)


def _write(file: Path, records: Sequence[Mapping[str, Any]]) -> None:
    part = file.with_name(file.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    part.replace(file)
