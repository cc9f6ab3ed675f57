"""A metric of one method, in the form that intervals and tests need: sums over rows, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Finish = Callable[[Any, int], Any]
"""(sums of shape [m, k], rows in each) → m values of the metric, from 0 to 1."""


@dataclass(frozen=True, eq=False)
class Measured:
    values: Sequence[float]
    """A row each, 0 to 1, in the order that all methods share."""
    sums: Any
    """Array [rows, k]: what of each row the metric is made of."""
    finish: Finish
    right_or_wrong: bool = False
    """Whether a row's value can only be 0 or 1."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What of the rows this metric can tell little about, by kind."""

    @property
    def value(self) -> float:
        """The metric over all rows."""
        return float(self.finish(self.sums.sum(axis=0, keepdims=True), len(self.values))[0])


def mean_of(
    values: Sequence[float], *, right_or_wrong: bool = False, counts: Mapping[str, int] | None = None
) -> Measured:
    """A metric that is the mean of its rows' values."""
    import numpy as np

    column = np.asarray(values, dtype=float).reshape(-1, 1)
    return Measured([float(value) for value in values], column, _mean, right_or_wrong, counts or {})


def _mean(sums: Any, rows: int) -> Any:
    return sums[:, 0] / rows
