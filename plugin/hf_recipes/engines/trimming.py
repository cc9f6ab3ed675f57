"""What a trainer keeps of a row that is too long: the words for it. Each engine has rules of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WHAT = {
    "prompt-cut": "lose the beginning of their prompt",
    "answer-cut": "lose the end of an answer",
    "left-out": "are left out of training",
    "nothing-learned": "lose every token that would be learned, and are left out",
    "text-cut": "are cut",
    "target-cut": "have their target cut",
}
"""What happens to a row, in words that follow `12 rows`."""
NOTHING_LEARNED = "nothing-learned"
LEFT_OUT = ("left-out", NOTHING_LEARNED)
"""The codes of rows that the trainer does not see at all."""


@dataclass(frozen=True)
class Trim:
    """One way in which rows are trimmed: which, by which key of the recipe, and at how many tokens."""

    code: str
    key: str
    limit: int


@dataclass(frozen=True)
class Trimmed:
    kept: int
    """Tokens of the row that the trainer sees."""
    trims: tuple[Trim, ...] = ()


TrimRule = Callable[[Sequence[int]], Trimmed]
"""Tokens of each text of a row, as TokenRules.texts gives them → what is kept."""


def each_text(limit: int | None, key: str) -> TrimRule:
    """Every text of a row is cut at `limit` tokens, which `key` of the recipe sets."""

    def trim(lengths: Sequence[int]) -> Trimmed:
        if limit is None or max(lengths, default=0) <= limit:
            return Trimmed(sum(lengths))
        return Trimmed(sum(min(length, limit) for length in lengths), (Trim("text-cut", key, limit),))

    return trim
