"""What stands in ready-made messages beside role and content: a name, reasoning, tools. The trainer never sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hf_recipes.data.chat_turns import plain_turn
from hf_recipes.data.messages import names_in_words
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

USED = frozenset({"role", "content", "messages"})


def dropped_keys(context: Context) -> Rule | None:
    """None where no column holds conversations."""
    names = tuple(column.name for column in context.form.columns if column.kind == "messages")
    return DroppedKeys(context, names) if names and not context.form.templates else None


class DroppedKeys:
    def __init__(self, context: Context, names: tuple[str, ...]) -> None:
        self._names = names
        self._warnings = context.warnings

    def look(self, row: SeenRow) -> None:
        for name in self._names:
            dropped = dict.fromkeys(_dropped(row.row.get(name)))
            if dropped:
                message = f"column '{name}': {names_in_words(dropped)} in its messages is not trained on"
                self._warnings.add(row.file, row.line, message, code="dropped-key")

    def finish(self) -> None:
        """Each row is judged alone."""


def _dropped(cell: Any) -> Iterator[str]:
    if isinstance(cell, Mapping):
        yield from (key for key in cell if key not in USED and cell[key] not in (None, "", []))
        cell = cell.get("messages")
    for turn in cell if isinstance(cell, (list, tuple)) else ():
        if isinstance(turn, Mapping) and len(turn) > 2:
            # A table has every key in every message, empty where it has none. A weight that counts changes nothing.
            yield from (
                str(key)
                for key, value in plain_turn(turn).items()
                if key not in USED
                and value not in (None, "", [], {}, False)
                and not (key == "weight" and value)
            )
