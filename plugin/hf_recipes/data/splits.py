"""Which rows are held out, and which stand in two splits at once. Deterministic: the same seed, the same rows."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Hashable, Sequence


def held_out_rows(rows: int, fraction: float, seed: int) -> frozenset[int]:
    """The row numbers (from 0) held out of `rows`: at least one, and at least one is left.

    Raises ValueError when there are fewer than two rows.
    """
    if rows < 2:
        raise ValueError(f"{rows} row(s) cannot be split")
    count = min(max(1, round(rows * fraction)), rows - 1)
    return frozenset(random.Random(f"held-out {seed}").sample(range(rows), count))


def drawn(rows: int, count: int, seed: int) -> frozenset[int]:
    """`count` of the row numbers (from 0) of `rows`, which is at least as many."""
    return frozenset(random.Random(f"drawn {seed}").sample(range(rows), count))


def held_out_by_label(labels: Sequence[Hashable], fraction: float, seed: int) -> frozenset[int]:
    """Like `held_out`, taking the fraction out of each label's rows, so that every label stands in both parts.

    Empty when a label has only one row: then no split has every label twice.
    """
    rows_of: dict[Hashable, list[int]] = {}
    for row, label in enumerate(labels):
        rows_of.setdefault(label, []).append(row)
    if any(len(rows) < 2 for rows in rows_of.values()):
        return frozenset()
    chosen: set[int] = set()
    for rows in rows_of.values():
        chosen.update(rows[number] for number in held_out_rows(len(rows), fraction, seed))
    return frozenset(chosen)


PLAIN = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str)


def row_key(value: object) -> bytes:
    """16 bytes that are equal for equal JSON values: what a duplicate is recognised by."""
    text = PLAIN.encode(value)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Sample:
    """A uniform sample of at most `size` items of a stream whose length is not known, by seed."""

    def __init__(self, size: int, seed: int) -> None:
        self.items: list[object] = []
        self._size = size
        self._seen = 0
        self._random = random.Random(f"sample {seed}")

    def offer(self, item: object) -> None:
        self._seen += 1
        if len(self.items) < self._size:
            self.items.append(item)
            return
        place = self._random.randrange(self._seen)
        if place < self._size:
            self.items[place] = item
