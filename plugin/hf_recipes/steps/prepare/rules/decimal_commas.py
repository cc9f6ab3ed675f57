"""Tables whose numbers are written with a decimal comma: they are read as words, and each becomes a category of its own."""

from __future__ import annotations

import re

from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

WITH_COMMA = re.compile(r"[+-]?\d+,\d+")
NUMBER = re.compile(r"[+-]?\d+(?:,\d+)?")


def decimal_commas(context: Context) -> Rule | None:
    """None where no whole table is trained on."""
    return None if context.form.columns else DecimalCommas(context)


class DecimalCommas:
    def __init__(self, context: Context) -> None:
        self._warnings = context.warnings
        self._first: dict[str, tuple[str, int, str]] = {}
        """Column → where the first number with a comma stands, and the number."""
        self._others: set[str] = set()
        """Columns that hold something else too."""

    def look(self, row: SeenRow) -> None:
        for name, value in row.row.items():
            if value is None or name in self._others:
                continue
            if not isinstance(value, str) or not NUMBER.fullmatch(value):
                self._others.add(name)
            elif name not in self._first and WITH_COMMA.fullmatch(value):
                self._first[name] = (row.file, row.line, value)

    def finish(self) -> None:
        for name, (file, line, value) in self._first.items():
            if name not in self._others:
                message = f"column '{name}': numbers with a comma, such as {value}, are read as words"
                hint = "write a point where the comma separates decimals, and leave it out between thousands"
                self._warnings.add(file, line, message, code="decimal-comma", hint=hint)
