"""How TRL's trainer takes rows: cut at a block's length, then packed whole, best fit first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.form import Form
from hf_recipes.engines.llm_limit import block_limit, block_limited_by
from hf_recipes.engines.preparation import Render, TrainedExample
from hf_recipes.engines.trimming import Trim, Trimmed
from hf_recipes.engines.trl.rows import Rows

PACKED_AT_ONCE = 1000
"""Rows among which TRL looks for what fits: `datasets` hands it so many at a time."""


class TrlTokens:
    """For one form of rows and one set of parameters."""

    spread = False

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self._form = form
        self.rows = rows_for(tokenizer, params, conversations=form.conversations)
        self.packed = params.get("packing") is not False
        self.limit: int | None = self.rows.limit
        self.limited_by = block_limited_by(tokenizer, params)
        self.special_tokens = not form.conversations
        self._learns_all = not form.conversations or params.get("train_on") == "all"

    def texts(self, record: Mapping[str, Any], rendered: Render) -> list[str]:
        if self._form.conversations:
            return [rendered(self._form.messages(record))]
        return [str(record[self._form.columns[0].name])]

    def lengths(self, ids: Sequence[Sequence[int]]) -> list[int]:
        return [len(text) + self.rows.needs_end(text) for text in ids]

    def trim(self, lengths: Sequence[int]) -> Trimmed:
        total = sum(lengths)
        if total <= self.rows.limit:
            return Trimmed(total)
        code = "answer-cut" if self._form.conversations else "text-cut"
        return Trimmed(self.rows.limit, (Trim(code, self.limited_by, self.rows.limit),))

    def blocks(self, lengths: Sequence[int]) -> int:
        starts = range(0, len(lengths), PACKED_AT_ONCE)
        return sum(bins(lengths[start : start + PACKED_AT_ONCE], self.rows.limit) for start in starts)

    def example(self, record: Mapping[str, Any], frame: AnswerFrame) -> TrainedExample | None:
        return None if self._learns_all else self.rows.example(record, frame)


def rows_for(tokenizer: Any, params: Mapping[str, Any], *, conversations: bool) -> Rows:
    return Rows(
        tokenizer,
        str(params.get("text_column") or "text"),
        str(params.get("train_on") or "all"),
        conversations=conversations,
        add_end=bool(params.get("add_eos_token", True)),
        limit=block_limit(tokenizer, params),
    )


def bins(lengths: Sequence[int], size: int) -> int:
    """How many blocks best-fit decreasing makes: each row, the longest first, goes where it leaves the least room."""
    room: list[int] = []
    for length in sorted(lengths, reverse=True):
        place = bisect_left(room, length)
        insort(room, (room.pop(place) if place < len(room) else size) - length)
    return len(room)
