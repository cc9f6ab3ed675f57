"""What is measured on the models themselves, once every method has answered: likelihoods, which need the weights here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hf_recipes.engines.step import Progress
from hf_recipes.inference.likelihood import reference_nll
from hf_recipes.recipe.model import Evaluate
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.answer.forgetting import measure_forgetting
from hf_recipes.steps.answer.prompts import FINE_TUNED
from hf_recipes.steps.row_file import RowFile

AT_A_TIME = 256
"""Rows between two looks at the progress."""


def likelihoods_wanted(evaluate: Evaluate) -> bool:
    """Whether anything here is asked for. A server of a person's own shows no likelihoods."""
    asked = evaluate.forgetting or any(metric.name == "likelihood" for metric in evaluate.metrics)
    return asked and evaluate.server is None


def measure_likelihoods(
    pair: Any,
    evaluate: Evaluate,
    answers: Path,
    rows: RowFile,
    methods: Sequence[str],
    progress: Progress,
) -> None:
    """Add `reference_nll` and `reference_tokens` to the recorded answers, and write forgetting.json. Raises StepFailed.

    `rows` are the test rows, in the order of the recorded answers; what has been measured already stays.
    """
    if any(metric.name == "likelihood" for metric in evaluate.metrics):
        for method in methods:
            _likelihoods(pair, method, answers / f"{method}.jsonl", rows, progress)
    if evaluate.forgetting and FINE_TUNED in methods:
        progress(0, 1, what="likelihood of general text")
        measure_forgetting(pair, answers)
        progress(1, 1, what="likelihood of general text")


def _likelihoods(pair: Any, method: str, file: Path, rows: RowFile, progress: Progress) -> None:
    part = file.with_name(file.name + ".part")
    records = iter(RowFile(file))
    questions = iter(rows)
    what = f"{method}: likelihood of the references"
    with part.open("w", encoding="utf-8") as out:
        for start in range(0, len(rows), AT_A_TIME):
            some = list(zip(islice(records, AT_A_TIME), islice(questions, AT_A_TIME), strict=True))
            left = [(record, question) for record, question in some if "reference_nll" not in record]
            if left:
                _measure_some(pair, method, left, what)
                progress(start + len(some), len(rows), what=what)
            out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record, _ in some)
    part.replace(file)


def _measure_some(pair: Any, method: str, some: Sequence[tuple[dict[str, Any], Any]], what: str) -> None:
    try:
        measured = reference_nll(
            pair,
            [record.get("prompt") or question["messages"] for record, question in some],
            [record["reference"] for record, _ in some],
            model="fine-tuned" if method == FINE_TUNED else "base",
            reasonings=[question.get("reasoning", "") for _, question in some],
        )
    except ValueError as error:  # longer than the model takes
        raise StepFailed("evaluation_failed", f"{what}: {error}") from None
    for (record, _), (nats, tokens) in zip(some, measured, strict=True):
        record.update(reference_nll=round(nats, 4), reference_tokens=tokens)
