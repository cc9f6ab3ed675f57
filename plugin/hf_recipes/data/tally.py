"""Findings by kind: the first of each kind in full, all of each counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hf_recipes.data.findings import KEPT, Findings
from hf_recipes.data.sensitive import masked
from hf_recipes.recipe.problem import Problem


class Tally(Findings):
    """Keeps KEPT findings of each code, without the secrets that a piece of a row may hold."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: Counter[str] = Counter()

    def add(
        self, file: str, line: int, message: str, *, column: int = 1, code: str = "bad-row", hint: str = ""
    ) -> None:
        self._count(code)
        if self.codes[code] <= KEPT:
            self.kept.append(Problem(file, line, column if line else 0, code, masked(message), hint))

    def _count(self, code: str) -> None:
        self.total += 1
        self.codes[code] += 1

    def count(self, code: str, more: int) -> None:
        """Findings of a kind beyond those that are kept."""
        self.total += more
        self.codes[code] += more

    def withdrawn(self, since: int) -> list[Problem]:
        """Take back what was found after the first `since`. All of that is still kept: it was found in one row."""
        more = self.total - since
        if not more:
            return []
        taken, self.kept = self.kept[-more:], self.kept[:-more]
        self.total = since
        self.codes.subtract(problem.code for problem in taken)
        return taken

    def take(self, other: Tally) -> None:
        """All that another tally has found, behind what this one has."""
        self.total += other.total
        self.codes.update(other.codes)
        self.kept += other.kept


def in_lines(kept: Sequence[Mapping[str, Any]], totals: Mapping[str, int]) -> Iterator[str]:
    """The first finding of each kind, and how many more there are. `kept` and `totals`: as in prepared.json."""
    for code, total in totals.items():
        first = next((Problem(**found) for found in kept if found["code"] == code), None)
        if first is not None:
            yield f"{first}" + (f" (and {total - 1:,} more such rows)" if total > 1 else "")
