"""Metrics by name: the answers of one method → Measured. Names and options are those of recipe/fields.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_recipes.data.measurable import lacking
from hf_recipes.evaluation import json_fields, labels, matching, overlap
from hf_recipes.evaluation.answers import Answer, EvaluationFailed, Messages
from hf_recipes.evaluation.judge import judge
from hf_recipes.evaluation.likelihood import likelihood
from hf_recipes.evaluation.measured import Measured, mean_of
from hf_recipes.evaluation.sql import sql_execution


@dataclass(frozen=True)
class Setting:
    """What a metric may look at beside the answers."""

    folder: Path
    """answers/, where a judge keeps what it has said."""
    questions: Mapping[int, Messages] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> Sequence[str]:
        return tuple(self.options.get("fields") or ())


Metric = Callable[[Sequence[Answer], Setting], "Measured | None"]
Texts = Callable[[Sequence[str], Sequence[str]], Measured]


def measure_metric(name: str, answers: Sequence[Answer], setting: Setting) -> Measured | None:
    """One metric over the answers of one method; None where what it takes was not recorded. Raises EvaluationFailed."""
    if name not in METRICS:
        raise EvaluationFailed(f"There is no metric {name!r}; known: {', '.join(METRICS)}.")
    for answer in answers:
        why = lacking(name, setting.options, answer.reference, setting.questions.get(answer.row, ()))
        if why:
            raise EvaluationFailed(f"{name} can't measure row {answer.row}: {why}.")
    return METRICS[name](answers, setting)


def _row(score: Callable[[str, str], float]) -> Metric:
    """A metric by which each row is right or wrong."""

    def metric(answers: Sequence[Answer], setting: Setting) -> Measured:
        del setting
        return mean_of([score(answer.answer, answer.reference) for answer in answers], right_or_wrong=True)

    return metric


def _json(score: Callable[[str, str, Sequence[str]], float]) -> Metric:
    def metric(answers: Sequence[Answer], setting: Setting) -> Measured:
        return mean_of([score(answer.answer, answer.reference, setting.fields) for answer in answers])

    return metric


def _texts(measured: Texts) -> Metric:
    """A metric over all answers and references at once."""

    def metric(answers: Sequence[Answer], setting: Setting) -> Measured:
        del setting
        return measured([answer.answer for answer in answers], [answer.reference for answer in answers])

    return metric


def _rouge(name: str) -> Metric:
    return _texts(lambda answers, references: overlap.rouge(name, answers, references))


def _number_match(answers: Sequence[Answer], setting: Setting) -> Measured:
    tolerance = float(setting.options.get("tolerance") or 0)
    return mean_of(
        [matching.number_match(answer.answer, answer.reference, tolerance) for answer in answers],
        right_or_wrong=True,
    )


METRICS: dict[str, Metric] = {
    "exact_match": _row(matching.exact_match),
    "normalised_match": _row(matching.normalised_match),
    "json_valid": _row(matching.json_valid),
    "json_precision": _json(json_fields.precision),
    "json_recall": _json(json_fields.recall),
    "json_f1": _json(json_fields.f1),
    "accuracy": _texts(labels.accuracy),
    "macro_f1": _texts(labels.macro_f1),
    "rouge1": _rouge("rouge1"),
    "rouge2": _rouge("rouge2"),
    "rougeL": _rouge("rougeL"),
    "chrf": _texts(overlap.chrf),
    "bleu": _texts(overlap.bleu),
    "number_match": _number_match,
    "sql_execution": lambda answers, setting: sql_execution(answers, setting.questions, setting.options),
    "likelihood": lambda answers, setting: likelihood(answers),
    "judge": lambda answers, setting: judge(answers, setting.questions, setting.options, setting.folder),
}
