"""Rows that cannot be used: with `data.skip_broken` they are left out, counted and named, else they are problems."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.data.tally import Tally
from hf_recipes.recipe.model import Data
from hf_recipes.recipe.problem import Problem

CODE = "left-out"
SHOWN = 5
HINT = "data.skip_broken: true leaves such rows out"


class BrokenRows:
    """Those of each split: train, where rows may be held out of it, validation and test."""

    def __init__(self, data: Data) -> None:
        self._data = data
        self._parts: dict[str, Tally] = {}

    @property
    def may_skip(self) -> bool:
        return bool(self._data.skip_broken)

    @property
    def total(self) -> int:
        return sum(tally.total for tally in self._parts.values())

    def part(self, name: str) -> Tally:
        return self._parts.setdefault(name, Tally())

    def refused(self, usable: Mapping[str, int]) -> Tally | None:
        """All of them as problems; None where they may be left out. `usable`: rows of each split that can be used."""
        if not self.total:
            return None
        found = Tally()
        for tally in self._parts.values():
            found.take(tally)
        whole = all(usable.get(name, 0) for name, tally in self._parts.items() if tally.total)
        if not self.may_skip:
            if whole:
                found.kept[0] = _hinted(found.kept[0])
            return found
        if not whole:
            return found  # Nothing would be left of a split: what is wrong is no slip in some rows.
        allowed = self._data.skip_broken
        if allowed is True or self.total <= allowed:
            return None
        what = f"{self.total:,} rows are broken, and data.skip_broken allows {allowed:,}"
        found.add(self._data.path, 0, what, code="too-many-broken", hint="mend them, or allow more")
        found.kept.insert(0, found.kept.pop())
        return found

    def left_out(self) -> Tally:
        """All of them as warnings."""
        found = Tally()
        for tally in self._parts.values():
            for problem in tally.kept:
                found.add(problem.file, problem.line, f"left out: {problem.message}", column=problem.column, code=CODE)  # fmt: skip
            found.count(CODE, tally.total - len(tally.kept))
        return found

    def as_json(self) -> dict[str, Any]:
        """Empty where there are none. Files by their names: a report is read elsewhere too."""
        rows = {name: tally.total for name, tally in self._parts.items() if tally.total}
        kept = [problem for tally in self._parts.values() for problem in tally.kept]
        first = [f"{Path(problem.file).name}:{problem.line}: {problem.message}" for problem in kept[:SHOWN]]
        return {"rows": rows, "first": first} if rows else {}

    def notes(self) -> list[str]:
        return [
            f"{tally.total:,} broken row{'s' if tally.total > 1 else ''} of {name} left out (data.skip_broken)"
            for name, tally in self._parts.items()
            if tally.total
        ]


def _hinted(problem: Problem) -> Problem:
    hint = f"{problem.hint}, or {HINT}" if problem.hint else HINT
    return Problem(problem.file, problem.line, problem.column, problem.code, problem.message, hint)
