"""The rows of a JSON lines file, read when they are asked for."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class RowFile:
    """The objects of a JSON lines file by place. In memory is where each line begins, 8 bytes a row."""

    def __init__(self, path: Path, begins: array[int] | None = None) -> None:
        """A missing file has no rows. `begins`: the bytes at which the rows begin, where not all lines are wanted."""
        self._path = path
        self._begins = _scanned(path) if begins is None else begins

    def __len__(self) -> int:
        return len(self._begins)

    def __getitem__(self, place: int) -> dict[str, Any]:
        [row] = self.only([place])
        return row

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if not self._begins:
            return
        with self._path.open("rb") as file:
            for begin in self._begins:
                file.seek(begin)
                yield json.loads(file.readline())

    def only(self, places: Iterable[int]) -> RowFile:
        """These rows as a file of their own, in this order."""
        return RowFile(self._path, array("Q", [self._begins[place] for place in places]))


def _scanned(path: Path) -> array[int]:
    begins, begin = array("Q"), 0
    if path.is_file():
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    begins.append(begin)
                begin += len(line)
    return begins
