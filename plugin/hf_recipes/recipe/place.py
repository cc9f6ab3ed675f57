"""Where a value stands, and a problem at that place."""

from __future__ import annotations

from dataclasses import dataclass

from hf_recipes.recipe.problem import Problem


@dataclass(frozen=True)
class Place:
    file: str
    """The recipe's path, or `--set <key>`."""
    line: int = 0
    column: int = 0


def problem(place: Place, code: str, message: str, hint: str = "") -> Problem:
    return Problem(place.file, place.line, place.column, code, message, hint)
