"""Texts that hold a list, mapping or missing value as Python, numpy or pandas write it: a model learns to write that."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping

from hf_recipes.data.asked import used_columns
from hf_recipes.data.cell_text import as_text
from hf_recipes.data.messages import shortened
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

LONGEST = 20_000
"""Characters of a text that are parsed; longer ones are hardly a cell of a table."""
PAIRS = {"[": "]", "{": "}", "(": ")", "a": ")"}
ARRAY = re.compile(r"array\(.*\)", re.DOTALL)
NUMPY = re.compile(r"\[\s*(?:'[^']*'(?:\s+'[^']*')+|-?\d[\d.e+-]*(?:\s+-?\d[\d.e+-]*)+)\s*\]")
PYTHON_ALONE = re.compile(r"'|\bTrue\b|\bFalse\b|\bNone\b|\bnan\b")
MISSING = frozenset({"nan", "NaN", "<NA>", "NaT"})
LEAVE_EMPTY = "leave the cell empty, or the row out"
HINT = "write it with json.dumps(…, ensure_ascii=False) where JSON is meant"


def python_text(context: Context) -> Rule | None:
    """None for tables: their cells are no text."""
    texts = {column.name for column in context.form.columns if column.kind in ("text", "any")}
    if context.form.templates:
        return PythonText(context, used_columns(context.form))
    if context.form.conversations or any(column.kind == "messages" for column in context.form.columns):
        names = tuple(column.name for column in context.form.columns if column.kind == "messages")
        return PythonText(context, names, turns=True)
    return PythonText(context, tuple(texts)) if texts else None


class PythonText:
    def __init__(self, context: Context, names: tuple[str, ...], *, turns: bool = False) -> None:
        """`turns`: the columns hold conversations."""
        self._names, self._turns = names, turns
        self._warnings = context.warnings

    def look(self, row: SeenRow) -> None:
        for name, text in self._texts(row):
            if text in MISSING:
                message = f"column '{name}' holds {text!r}, as pandas writes a missing cell"
                self._warnings.add(row.file, row.line, message, code="missing-as-text", hint=LEAVE_EMPTY)
            elif text[:1] in PAIRS and written_by_python(text):
                message = f"column '{name}' holds {shortened(text)}, as Python writes it"
                self._warnings.add(row.file, row.line, message, code="python-text", hint=HINT)

    def finish(self) -> None:
        """Each row is judged alone."""

    def _texts(self, row: SeenRow) -> Iterator[tuple[str, str]]:
        for name in self._names:
            if not self._turns:
                value = row.row.get(name)
                if isinstance(value, str):
                    yield name, value.strip()
                continue
            for turn in row.record.get(name) or ():
                if isinstance(turn, Mapping):
                    yield name, as_text(turn.get("content")).strip()


def written_by_python(text: str) -> bool:
    """Whether a text is nothing but a list, tuple or mapping in Python's or numpy's writing, and not in JSON's."""
    if len(text) > LONGEST or text[-1:] != PAIRS.get(text[:1]):
        return False
    if ARRAY.fullmatch(text) or NUMPY.fullmatch(text):
        return True
    if not PYTHON_ALONE.search(text):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        pass
    else:
        return False
    try:
        value = ast.literal_eval(re.sub(r"\bnan\b", "None", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return False
    return isinstance(value, (list, dict, set)) or (isinstance(value, tuple) and len(value) > 1)
