"""The tokens of every training row, as the trainer counts them: how long rows are, and how many are cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hf_recipes.data.form import Form
from hf_recipes.data.lengths import Lengths
from hf_recipes.inference.tokens import BATCH, Count, limit_of

PARAMETERS = ("block_size", "model_max_length", "max_seq_length")


class RowTokens:
    """Counts as `tokens.Count` does, and keeps how many rows have which length."""

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self._count = Count(tokenizer, form, params)
        self._waiting: list[list[str]] = []
        self._lengths = Lengths()
        self._cut = 0
        self._limited_by = _limited_by(tokenizer, form.task, params, self._count.limit)

    def add(self, record: Mapping[str, Any]) -> None:
        self._waiting.append(self._count.texts(record))
        if len(self._waiting) >= BATCH:
            self._flush()

    def result(self) -> dict[str, Any]:
        """rows, total, mean, median, p95, max, limit, limited_by (a key of the recipe), cut, packed and a histogram:
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
            "limited_by": self._limited_by,
            "cut": self._cut,
            "packed": self._count.packed,
            "histogram": [asdict(one) for one in lengths.histogram()],
        }

    def _flush(self) -> None:
        flat = iter(self._count.lengths([text for texts in self._waiting for text in texts]))
        for texts in self._waiting:
            lengths = [next(flat) for _ in texts]
            self._lengths.add(sum(lengths))
            self._cut += self._count.is_cut(lengths)
        self._waiting.clear()


def _limited_by(tokenizer: Any, task: str, params: Mapping[str, Any], limit: int | None) -> str:
    """The key of the recipe that a limit comes from."""
    if task != "lm_training":
        return "params.max_seq_length"
    block = params.get("block_size")
    shorter = isinstance(block, int) and 0 < block == limit
    return "params.block_size" if shorter or limit_of(tokenizer, task, {**params, "block_size": None}) != limit else "params.model_max_length"  # fmt: skip
