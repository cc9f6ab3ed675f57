"""Answers that are one of few labels: accuracy and macro-F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_recipes.evaluation.matching import normalised
from hf_recipes.evaluation.measured import Measured, mean_of


def accuracy(answers: Sequence[str], references: Sequence[str]) -> Measured:
    """Case, punctuation and white space aside, unless labels differ in these alone or one has nothing else."""
    given, expected, _ = _numbered(answers, references)
    right = [float(a == b) for a, b in zip(given, expected, strict=True)]
    return mean_of(right, right_or_wrong=True)


def macro_f1(answers: Sequence[str], references: Sequence[str]) -> Measured:
    """The mean of the F1 of every label that is expected in some row; an answer that is no label is a wrong one.

    scikit-learn's f1_score(labels=…, average="macro"), made of counts that can be summed over resamples all at once; there,
    labels that no drawn row expects don't count.
    """
    import numpy as np

    given, expected, names = _numbered(answers, references)
    hot, said = _one_hot(expected, len(names)), _one_hot(given, len(names))
    sums = np.concatenate([hot * said, hot, said], axis=1).astype(float)

    def finish(totals: Any, rows: int) -> Any:
        del rows
        both, wanted, got = np.split(totals, 3, axis=1)
        f1 = np.divide(2 * both, wanted + got, out=np.zeros_like(both), where=wanted + got > 0)
        present = wanted > 0
        return (f1 * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1)

    values = [float(a == b) for a, b in zip(given, expected, strict=True)]
    return Measured(values, sums, finish)


def _numbered(answers: Sequence[str], references: Sequence[str]) -> tuple[list[int], list[int], list[str]]:
    """Answers and references as numbers of labels, -1 for an answer that is none; and the labels."""
    names = sorted({reference.strip() for reference in references})
    written = {normalised(name) for name in names}
    # A label that is all punctuation would be the same as no answer.
    key = normalised if len(written) == len(names) and "" not in written else str.strip
    numbers = {key(name): number for number, name in enumerate(names)}
    return (
        [numbers.get(key(answer), -1) for answer in answers],
        [numbers[key(reference)] for reference in references],
        names,
    )


def _one_hot(numbers: Sequence[int], labels: int) -> Any:
    """Array [rows, labels]; a row of -1 is all 0."""
    import numpy as np

    return (np.asarray(numbers)[:, None] == np.arange(labels)).astype(int)
