"""What is said of rows that stand twice: one warning a place."""

from __future__ import annotations

from collections.abc import Iterator

from hf_recipes.recipe.problem import Problem
from hf_recipes.steps.prepare.duplicates import Doubles, DuplicateRows

SAID = {
    "test-row-in-train": "this test row's question also stands in train, at {other}",
    "test-row-contradicts-train": "this test row's question has another answer in train, at {other}",
    "test-row-near-train": "this test row's question is {alike} that of the training row at {other}",
    "duplicate": "the same row stands before, at {other}",
    "duplicate-test-row": "the same test row stands before, at {other}",
    "other-answer": "the same question has another answer at {other}",
    "near-duplicate": "the question is {alike} the one at {other}",
}
"""Code → sentence. What is about the same is so by MinHash."""


def by_code(doubles: Doubles) -> dict[str, DuplicateRows]:
    return {
        "test-row-in-train": doubles.leaked,
        "test-row-contradicts-train": doubles.leaked_otherwise,
        "test-row-near-train": doubles.leaked_near,
        "duplicate": doubles.repeated,
        "duplicate-test-row": doubles.repeated_test,
        "other-answer": doubles.otherwise,
        "near-duplicate": doubles.near,
    }


def warnings(doubles: Doubles) -> Iterator[Problem]:
    for code, found in by_code(doubles).items():
        for double in found.first:
            same_file = double.other.file == double.row.file
            other = f"line {double.other.line}" if same_file else f"{double.other.file}:{double.other.line}"
            message = SAID[code].format(other=other, alike=_alike(double.alike))
            yield Problem(double.row.file, double.row.line, 1, code, message)


def _alike(share: float) -> str:
    """In words; all pieces are the same where texts differ in case and signs alone, or in next to nothing."""
    return "all but the same as" if share > 0.995 else f"about {share:.0%} the same as"
