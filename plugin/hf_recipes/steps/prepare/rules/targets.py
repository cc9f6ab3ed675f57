"""What a text or a table is trained towards: a target that says more than its input, and not the same in every row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from hf_recipes.data.tally import Tally
from hf_recipes.steps.prepare.rules.faulty_rows import FaultyRows
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow


def targets(context: Context) -> Rule | None:
    task = context.job.task
    if task == "seq2seq":
        return Copies(context)
    if task == "text_single_column_regression":
        return Constant(context)
    return TableTargets(context) if task == "tabular" else None


class Copies:
    """Sequence to sequence."""

    def __init__(self, context: Context) -> None:
        named = {column.parameter: column.name for column in context.form.columns}
        self._text, self._target = named["text_column"], named["target_column"]
        self._rows = FaultyRows(context, "equal-target", "correct the row, or leave it out")

    def look(self, row: SeenRow) -> None:
        text, target = (" ".join(str(row.record[name]).split()) for name in (self._text, self._target))
        self._rows.look(row, f"'{self._target}' is the same as '{self._text}'" if text == target else None)

    def finish(self) -> None:
        self._rows.finish()


class Constant:
    """Regression."""

    def __init__(self, context: Context) -> None:
        self._problems = context.problems
        self._target = next(column.name for column in context.form.columns if column.target)
        self._values: set[float] = set()
        self._rows, self._file = 0, ""

    def look(self, row: SeenRow) -> None:
        if row.part == "train":
            self._rows += 1
            self._file = self._file or row.file
            if len(self._values) < 2:
                self._values.add(float(row.record[self._target]))

    def finish(self) -> None:
        if self._rows > 1 and len(self._values) == 1:
            message = (
                f"'{self._target}' is {self._values.pop():g} in every training row: there is nothing to learn"
            )
            self._problems.add(self._file, 0, message, code="one-target")


class TableTargets:
    """Tables: trainers take any cell, and learn from an empty one what they like."""

    def __init__(self, context: Context) -> None:
        params = context.job.settled
        self._names = _names(params.get("target_columns") or "target")
        self._numbers = params.get("task") == "regression"
        self._problems, self._found = context.problems, Tally()

    def look(self, row: SeenRow) -> None:
        for name in self._names if row.part != "test" else ():  # nothing is trained on those
            if name in row.row and (message := self._wrong(name, row.row)):
                self._found.add(
                    row.file, row.line, message, code="no-target", hint="fill it in, or leave the row out"
                )

    def finish(self) -> None:
        self._problems.take(self._found)

    def _wrong(self, name: str, row: Mapping[str, object]) -> str | None:
        value = row[name]
        if value is None or not str(value).strip():
            return f"the target '{name}' is empty"
        try:
            number = float(str(value))
        except ValueError:
            return f"the target '{name}' is no number: {str(value)[:40]!r}" if self._numbers else None
        return None if math.isfinite(number) else f"the target '{name}' is no finite number: {value}"


def _names(value: object) -> Sequence[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]
