"""Conversations that other formats write: what was read as what, counted. Nothing is lost by it, so it is a note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hf_recipes.data.chat_turns import read_as
from hf_recipes.data.messages import RowError, messages_in
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

LISTED = 6
"""Phrases in the note."""


def conversations_read_as(context: Context) -> Rule | None:
    """None where no column holds conversations."""
    names = [column.name for column in context.form.columns if column.kind == "messages"]
    return ReadAs(context, names) if names and not context.form.templates else None


class ReadAs:
    def __init__(self, context: Context, names: list[str]) -> None:
        self._names, self._notes = names, context.notes
        self._phrases: dict[str, None] = {}
        self._rows = 0

    def look(self, row: SeenRow) -> None:
        turns = (turn for name in self._names for turn in _turns(row.row.get(name)))
        said = [phrase for turn in turns if isinstance(turn, Mapping) for phrase in read_as(turn)]
        self._phrases |= dict.fromkeys(said)
        self._rows += bool(said)

    def finish(self) -> None:
        if self._rows:
            said = list(self._phrases)
            listed = ", ".join(said[:LISTED]) + (", …" if len(said) > LISTED else "")
            self._notes.append(f"the messages of {self._rows:,} rows are read with {listed}")


def _turns(cell: object) -> Sequence[object]:
    try:
        return messages_in(cell)
    except RowError:  # pairs whose question is in a column of its own
        return ()
