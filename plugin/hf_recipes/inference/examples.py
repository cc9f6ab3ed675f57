"""The training rows as conversations to choose from, read from where the trainer reads them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hf_recipes.inference.child import StepFailed
from hf_recipes.inference.shots import Messages


class Examples:
    """The conversations of data/train.jsonl by place. In memory is where each line begins, 8 bytes a row."""

    def __init__(self, data: Path) -> None:
        """Raises StepFailed where there are none. Test rows are not among them: the prepare step took them out."""
        self._path = data / "train.jsonl"
        self._rows: list[Any] | None = None
        self._begins = array("Q")
        if self._path.is_file():
            self._scan()
        elif (data / "train.parquet").is_file():  # where every text looks like a date
            from pyarrow import parquet

            self._rows = parquet.read_table(data / "train.parquet").to_pylist()
        if not len(self):
            raise StepFailed("evaluation_failed", "there are no training examples to choose from")

    def __len__(self) -> int:
        return len(self._begins) if self._rows is None else len(self._rows)

    def __iter__(self) -> Iterator[Messages]:
        if self._rows is not None:
            yield from map(_conversation, self._rows)
            return
        with self._path.open("rb") as file:
            for line in file:
                if line.strip():
                    yield _conversation(json.loads(line))

    def __getitem__(self, place: int) -> Messages:
        if self._rows is not None:
            return _conversation(self._rows[place])
        with self._path.open("rb") as file:
            file.seek(self._begins[place])
            return _conversation(json.loads(file.readline()))

    def id(self, place: int) -> str:
        return f"train#{place + 1}"

    def _scan(self) -> None:
        begin = 0
        with self._path.open("rb") as file:
            for line in file:
                if line.strip():
                    self._begins.append(begin)
                begin += len(line)


def _conversation(record: dict[str, Any]) -> Messages:
    """A chat record has one column, the conversation."""
    [conversation] = record.values()
    return [{"role": turn["role"], "content": turn["content"]} for turn in conversation]
