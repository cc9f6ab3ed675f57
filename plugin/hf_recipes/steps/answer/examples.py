"""The training rows as conversations to choose from: all of them, whatever `data.limit` leaves to be trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.answer.shots import Messages
from hf_recipes.steps.row_file import RowFile


class Examples:
    """Conversations by place: those of pool.jsonl where there is one, else of what the trainer reads."""

    def __init__(self, work: Path) -> None:
        """Raises StepFailed where there are none. Test rows are not among them: the prepare step took them out."""
        pool, parquet_file = work / "pool.jsonl", work / "data" / "train.parquet"
        self._rows: Any = RowFile(pool if pool.is_file() else work / "data" / "train.jsonl")
        if not len(self) and parquet_file.is_file():  # where every text looks like a date
            from pyarrow import parquet

            self._rows = parquet.read_table(parquet_file).to_pylist()
        if not len(self):
            raise StepFailed("evaluation_failed", "there are no training examples to choose from")

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Messages]:
        return map(_conversation, self._rows)

    def __getitem__(self, place: int) -> Messages:
        return _conversation(self._rows[place])

    def id(self, place: int) -> str:
        return f"train#{place + 1}"


def _conversation(record: dict[str, Any]) -> Messages:
    """A chat record has one column, the conversation."""
    [conversation] = record.values()
    return [{"role": turn["role"], "content": turn["content"]} for turn in conversation]
