"""What is wrong with a recipe, and where: the one error type that a person's mistake becomes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a recipe or in its data. `line` and `column` count from 1; 0 means the whole file."""

    file: str
    line: int
    column: int
    code: str
    """A stable kebab-case word for programs, such as `unknown-key`."""
    message: str
    """Where in the recipe and what is wrong: `params.learning_rate: unknown`. Never the value of a secret."""
    hint: str = ""
    """What to do: `did you mean params.lr?`"""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}" + (f"; {self.hint}" if self.hint else "")

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class RecipeError(Exception):
    """A recipe or its data cannot be used; `problems` holds every reason found, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
