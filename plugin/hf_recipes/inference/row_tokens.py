"""The tokens of every training row, as the trainer counts them: how long rows are, and how many are cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hf_recipes.data.form import Form
from hf_recipes.data.lengths import Lengths
from hf_recipes.inference.tokens import BATCH, Count


class RowTokens:
    """Counts as `tokens.Count` does, and keeps how many rows have which length."""

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self._count = Count(tokenizer, form, params)
        self._waiting: list[list[str]] = []
        self._lengths = Lengths()

    def add(self, record: Mapping[str, Any]) -> None:
        self._waiting.append(self._count.texts(record))
        if len(self._waiting) >= BATCH:
            self._flush()

    def result(self) -> dict[str, Any]:
        """rows, total, mean, median, p95, max, limit, limited_by (a key of the recipe), cut, trims, packed and a histogram:
        [{"first", "last": included or None for no end, "rows"}]."""
        self._flush()
        lengths = self._lengths
        return {
            "rows": lengths.rows,
            "total": lengths.total,
            "mean": round(lengths.mean, 1),
            "median": lengths.quantile(0.5),
            "p95": lengths.quantile(0.95),
            "max": lengths.longest,
            "limit": self._count.limit,
            "limited_by": self._count.limited_by,
            "cut": self._count.cut,
            "trims": self._count.trims(),
            "packed": self._count.packed,
            "histogram": [asdict(one) for one in lengths.histogram()],
        }

    def _flush(self) -> None:
        for lengths in self._count.lengths_of(self._waiting):
            self._lengths.add(sum(lengths))
            self._count.count(lengths)
        self._waiting.clear()
