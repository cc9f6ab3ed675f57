"""What is wrong with the rows: the first mistakes in full, all of them counted."""

from __future__ import annotations

from hf_recipes.recipe.problem import Problem, RecipeError

KEPT = 20


class Findings:
    """Collects the problems of a data set. A file with a million broken rows costs no more than one with twenty."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.total = 0

    def add(
        self, file: str, line: int, message: str, *, column: int = 1, code: str = "bad-row", hint: str = ""
    ) -> None:
        """`line` counts from 1, 0 is the whole file."""
        self._count(code)
        if len(self.kept) < KEPT:
            self.kept.append(Problem(file, line, column if line else 0, code, message, hint))

    def add_once(self, file: str, line: int, message: str) -> None:
        """A mistake that many rows of a file share: the first is listed, all are counted."""
        if any((problem.file, problem.message) == (file, message) for problem in self.kept):
            self._count("bad-row")
        else:
            self.add(file, line, message)

    def _count(self, code: str) -> None:
        self.total += 1

    def stop(self) -> None:
        """Raise DataError when anything was found."""
        if self.total:
            raise DataError(self.kept, self.total)


class DataError(RecipeError):
    """The data cannot be trained on; `total` counts all problems, `problems` holds the first."""

    def __init__(self, problems: list[Problem], total: int | None = None) -> None:
        super().__init__(problems)
        self.total = total if total is not None else len(problems)

    @property
    def summary(self) -> str:
        """The first problem, and how many more there are, in one line."""
        more = self.total - 1
        text = str(self.problems[0])
        return text if not more else f"{text} (and {more} more such problem{'s' if more > 1 else ''})"


def wrong(
    file: str, message: str, *, hint: str = "", code: str = "data-unreadable", line: int = 0
) -> DataError:
    """One problem as an exception."""
    return DataError([Problem(file, line, 1 if line else 0, code, message, hint)])
