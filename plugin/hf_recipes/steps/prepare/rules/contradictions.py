"""Test rows that ask the same and expect different answers: no model can be right in all of them."""

from __future__ import annotations

from collections import Counter

from hf_recipes.data.asked import Comparing
from hf_recipes.data.splits import row_key
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

MOST = 200_000
"""Test rows that are compared: about 300 bytes each."""


def contradictions(context: Context) -> Rule:
    return Contradictions(context)


class Contradictions:
    def __init__(self, context: Context) -> None:
        self._comparing = Comparing(context.form, context.job.settled)
        self._warnings = context.warnings
        self._answers: dict[bytes, Counter[bytes]] = {}
        self._first: dict[bytes, tuple[str, int]] = {}
        self._rows = self._told = 0
        self._file = ""

    def look(self, row: SeenRow) -> None:
        if row.part != "test" or self._rows >= MOST:
            return
        self._rows += 1
        self._file = self._file or row.file
        compared = self._comparing(row.row, row.record)
        question, whole = row_key(compared.question)[:8], row_key(compared.whole)[:8]
        answers = self._answers.setdefault(question, Counter())
        if answers and whole not in answers:
            file, line = self._first[question]
            where = f"line {line}" if file == row.file else f"{file}:{line}"
            message = f"the same question expects another answer at {where}: no model can be right in both"
            self._warnings.add(row.file, row.line, message, code="other-answer-test-row")
            self._told += 1
        self._first.setdefault(question, (row.file, row.line))
        answers[whole] += 1

    def finish(self) -> None:
        if not self._told:
            return
        most = sum(max(answers.values()) for answers in self._answers.values())
        message = (
            f"no model can be right in more than {most:,} of {self._rows:,} test rows: others ask the same "
            "and expect something else"
        )
        hint = "correct the rows, or ask what tells them apart"
        self._warnings.add(self._file, 0, message, code="most-that-can-be-right", hint=hint)
