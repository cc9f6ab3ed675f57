"""Many lengths in little memory: counted by value, then shown as a histogram."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

FINE = 4096
"""Lengths up to this are counted one by one, longer ones to within 2 %."""
BINS = 10


@dataclass(frozen=True)
class Bin:
    first: int
    last: int | None
    """Included; None: no end."""
    rows: int


class Lengths:
    """A stream of lengths. Holds at most about 5,000 numbers, however many lengths there are."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.rows = self.total = self.longest = 0

    def add(self, length: int, rows: int = 1) -> None:
        """`rows`: how many are taken to be as long."""
        self.rows += rows
        self.total += length * rows
        self.longest = max(self.longest, length)
        self.counts[_rounded(length)] += rows

    @property
    def mean(self) -> float:
        return self.total / self.rows if self.rows else 0.0

    def quantile(self, share: float) -> int:
        """The least length that at least `share` of the rows do not exceed."""
        left = math.ceil(self.rows * share)
        for length in sorted(self.counts):
            left -= self.counts[length]
            if left <= 0:
                return length
        return 0

    def histogram(self, bins: int = BINS) -> list[Bin]:
        """At most `bins` bins of one round width, the last one open where a few rows are much longer."""
        if not self.rows:
            return []
        top = min(max(self.counts), 2 * self.quantile(0.98))
        low = min(self.counts)
        width = _round_width((top - low + 1) / (bins - 1))
        start = low // width * width
        found: Counter[int] = Counter()
        for length, rows in self.counts.items():
            found[min((length - start) // width, bins - 1)] += rows
        last = max(found)
        beyond = max(self.counts) >= start + bins * width
        return [
            Bin(start + place * width, None if place == bins - 1 and beyond else start + (place + 1) * width - 1, found[place])
            for place in range(last + 1)
        ]  # fmt: skip


def _rounded(length: int) -> int:
    if length <= FINE:
        return length
    step = 1 << (length.bit_length() - 7)
    return -(-length // step) * step


def _round_width(least: float) -> int:
    """The least of 1, 2, 5, 10, 20, 50 … that is not below."""
    width = 1
    while True:
        for factor in (1, 2, 5):
            if width * factor >= least:
                return width * factor
        width *= 10
