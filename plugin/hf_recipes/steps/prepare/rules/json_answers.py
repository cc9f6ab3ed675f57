"""Where nearly all answers are JSON, one that is not is a slip."""

from __future__ import annotations

import json

from hf_recipes.data.asked import Comparing
from hf_recipes.data.tally import Tally
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

SHARE = 0.9
"""Answers are meant to be JSON where so many are."""


def json_answers(context: Context) -> Rule | None:
    """None for classifiers: a label is no JSON."""
    classifies = context.form.label is not None or context.job.settled.get("task") == "classification"
    return None if classifies else JsonAnswers(context)


class JsonAnswers:
    def __init__(self, context: Context) -> None:
        self._comparing = Comparing(context.form, context.job.settled)
        self._warnings = context.warnings
        self._slips = Tally()
        self._json = 0

    def look(self, row: SeenRow) -> None:
        answers = self._comparing(row.row, row.record).answers
        if not answers:
            return
        if _is_json(answers[0]):
            self._json += 1
        else:
            message = "the answer is not JSON, as nearly all others are"
            self._slips.add(row.file, row.line, message, code="answer-not-json")

    def finish(self) -> None:
        if self._json >= SHARE * (self._json + self._slips.total):
            self._warnings.take(self._slips)


def _is_json(answer: str) -> bool:
    if answer.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(answer), (dict, list))
    except (ValueError, RecursionError):
        return False
