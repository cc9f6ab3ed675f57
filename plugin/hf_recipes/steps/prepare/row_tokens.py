"""The tokens of the training rows, as the trainer counts them: how long rows are, and how many are cut.

Rendering and cutting into tokens is most of the time that `check` takes. The first EXACT rows are counted each; of what follows,
each row that may be too long, and one in ONE_IN of the others, drawn by seed, which then stands for all of them.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hf_recipes.data.form import Form
from hf_recipes.data.lengths import Lengths
from hf_recipes.engines.preparation import TokenRules
from hf_recipes.steps.prepare.tokens import BATCH, Count

EXACT = 50_000
ONE_IN = 20


class RowTokens:
    """Counts as `tokens.Count` does, and keeps how many rows have which length."""

    def __init__(self, tokenizer: Any, form: Form, rules: TokenRules) -> None:
        self._count = Count(tokenizer, form, rules)
        self._waiting: list[tuple[list[str], Mapping[str, Any], int]] = []
        self._lengths = Lengths()
        self._rows = self._counted = 0
        self._random, self._others, self._drawn = random.Random(0), 0, 0
        self._around, self._texts, self._largest = 0.0, 1, 0
        """What a template puts around each piece of text at the most, the texts of a row, the bytes of the largest row."""

    def add(self, record: Mapping[str, Any]) -> None:
        size, pieces = _size(record)
        stands_for = 1
        if self._rows >= EXACT and not self._may_be_long(size, pieces):
            stands_for = self._draw()
        if not stands_for:
            self._rows += 1
            return
        texts = self._count.texts(
            record
        )  # raises for a template without bounds: then the row was not counted
        if not any(texts):
            return  # the template refuses it, as rules/template_refusals.py says: it has no length
        self._rows += 1
        self._around = max(self._around, (sum(map(_bytes, texts)) - size) / max(1, pieces))
        self._texts, self._largest = max(self._texts, len(texts)), max(self._largest, size)
        self._counted += 1
        self._waiting.append((texts, record, stands_for))
        if len(self._waiting) >= BATCH:
            self._flush()

    def result(self) -> dict[str, Any]:
        """rows, counted (of them), total, mean, median, p95, max, limit, limited_by (a key of the recipe), cut, trims, packed (end to end) and
        a histogram: [{"first", "last": included or None for no end, "rows"}]. Where not all were counted, total and what
        follows it are estimates; max, cut and trims are not."""
        self._flush()
        lengths = self._lengths
        exact = self._counted == self._rows
        return {
            "rows": self._rows,
            "counted": self._counted,
            "total": lengths.total if exact else round(lengths.mean * self._rows),
            "mean": round(lengths.mean, 1),
            "median": lengths.quantile(0.5),
            "p95": lengths.quantile(0.95),
            "max": lengths.longest,
            "limit": self._count.limit,
            "limited_by": self._count.limited_by,
            "cut": self._count.cut,
            "trims": self._count.trims(),
            "packed": self._count.spread,
            "histogram": [asdict(histogram_bin) for histogram_bin in lengths.histogram()],
        }

    def _may_be_long(self, size: int, pieces: int) -> bool:
        """A token has a byte at the least: what has few bytes, with the template's, cannot be cut."""
        most = size + int(self._around * pieces) + 8
        return size > self._largest or self._count.is_cut([most] * self._texts)

    def _draw(self) -> int:
        """For how many rows this one stands: of each ONE_IN, one is drawn."""
        place = self._others % ONE_IN
        if not place:
            self._drawn = self._random.randrange(ONE_IN)
        self._others += 1
        return ONE_IN if place == self._drawn else 0

    def _flush(self) -> None:
        found = self._count.lengths_of([texts for texts, _, _ in self._waiting])
        for (_, record, stands_for), lengths in zip(self._waiting, found, strict=True):
            self._lengths.add(sum(lengths), stands_for)
            self._count.count(lengths, record)
        self._waiting.clear()


def _size(value: object) -> tuple[int, int]:
    """Bytes of all the texts in a value, and how many they are."""
    if isinstance(value, str):
        return _bytes(value), 1
    inner: Sequence[object] = ()
    if isinstance(value, Mapping):
        inner = list(value.values())
    elif isinstance(value, (list, tuple)):
        inner = value
    sizes = [_size(item) for item in inner]
    return sum(size for size, _ in sizes), sum(pieces for _, pieces in sizes)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
