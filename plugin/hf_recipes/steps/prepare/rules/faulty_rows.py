"""A fault that single rows have: a warning for each, and a problem where nothing would be learned from any."""

from __future__ import annotations

from hf_recipes.data.tally import Tally
from hf_recipes.steps.prepare.rules.rule import Context, SeenRow


class FaultyRows:
    def __init__(self, context: Context, code: str, hint: str, *, problem_from: float = 1.0) -> None:
        """`problem_from`: the share of rows from which on it is a problem."""
        self._context, self._code, self._hint, self._from = context, code, hint, problem_from
        self._found, self._rows = Tally(), 0

    def look(self, row: SeenRow, message: str | None) -> None:
        """`message`: what is wrong with the row, None where nothing is."""
        self._rows += 1
        if message is not None:
            self._found.add(row.file, row.line, message, code=self._code, hint=self._hint)

    def finish(self) -> None:
        if not self._found.total:
            return
        most = self._found.total >= self._from * self._rows
        (self._context.problems if most else self._context.warnings).take(self._found)
