"""How likely a method finds the expected answer, from what the answer step recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_recipes.evaluation.answers import Answer
from hf_recipes.evaluation.measured import Measured


def likelihood(answers: Sequence[Answer]) -> Measured | None:
    """exp(-nats a token), over all tokens of all references: the inverse of the perplexity, between 0 and 1.

    A row's value is the same over its own tokens. None where it was not recorded for every row.
    """
    import numpy as np

    recorded = [(answer.reference_nll, answer.reference_tokens) for answer in answers]
    if any(nll is None or tokens is None for nll, tokens in recorded):
        return None
    sums = np.asarray(recorded, dtype=float)

    def finish(totals: Any, rows: int) -> Any:
        del rows
        return np.exp(-totals[:, 0] / totals[:, 1])

    return Measured([float(value) for value in finish(sums, 1)], sums, finish)
