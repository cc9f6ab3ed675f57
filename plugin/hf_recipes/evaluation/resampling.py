"""Bootstrap and permutation over rows: how far chance in drawing the test rows goes. Seeded: the same answers, the same report.

Every metric is made of sums over rows (see measured.py), so a resample is a row of a count matrix times these sums: one
matrix product for all resamples, the same rows for both methods of a pair. Corpus metrics are recomputed for each resample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import sqrt
from typing import Any
from weakref import WeakKeyDictionary

from hf_recipes.evaluation.interval import wilson
from hf_recipes.evaluation.measured import Measured

RESAMPLES = 2_000
PERMUTATIONS = 9_999
SEED = 20_260
CELLS = 4_000_000
"""Numbers of a count matrix that are held at once: 32 MB, however many rows there are."""
EXACT_ROWS = 13
"""Up to so many rows that differ, every permutation is looked at: 2 to that power."""
EPSILON = 1e-9
"""Below this two values are the same: sums in another order differ in the last digits."""


def interval(measured: Measured) -> tuple[float, float]:
    """95 % interval of the metric: Wilson's where rows are right or wrong, else the bootstrap's percentiles.

    Where every resample has the same value (one row; all rows right) the bootstrap sees no spread, however few the rows
    are; Wilson's, which is never too narrow, stands in.
    """
    rows = len(measured.values)
    if measured.right_or_wrong:
        return wilson(sum(measured.values), rows)
    found = _bootstrapped(measured)
    if found.max() - found.min() < EPSILON:
        return wilson(measured.value * rows, rows)
    return _percentiles(found, measured.value, rows)


def difference_interval(tuned: Measured, baseline: Measured) -> tuple[float, float]:
    """95 % interval of tuned minus baseline by the paired bootstrap: both are measured on the same drawn rows.

    B. Efron, R. Tibshirani, An introduction to the bootstrap (1993), chapter 13. Where all rows differ alike in right or wrong
    the bootstrap sees no spread; Wilson's end for a share of which no row was seen stands in.
    """
    differences = _bootstrapped(tuned) - _bootstrapped(baseline)
    value, rows = tuned.value - baseline.value, len(tuned.values)
    if tuned.right_or_wrong and differences.max() - differences.min() < EPSILON:
        unseen = wilson(0, rows)[1]
        return max(-1.0, value - unseen), min(1.0, value + unseen)
    return _percentiles(differences, value, rows)


def difference_spread(tuned: Measured, baseline: Measured) -> float:
    """The standard error of tuned minus baseline, by the paired bootstrap."""
    return float((_bootstrapped(tuned) - _bootstrapped(baseline)).std(ddof=1))


def permutation_p(tuned: Measured, baseline: Measured) -> float:
    """Two-sided p of the paired permutation test: were both methods the same, a row's two outcomes might as well be swapped.

    Exact for few rows that differ; else from 9,999 random swaps, with the observed one counted in, so that p is never 0
    (B. Phipson, G. Smyth, Permutation p-values should never be zero, 2010). For corpus metrics it is what
    machine translation calls approximate randomisation (S. Riezler, J. Maxwell, 2005).
    """
    import numpy as np

    rows = len(tuned.values)
    change = baseline.sums - tuned.sums
    differing = np.flatnonzero(np.abs(change).max(axis=1) > 0)
    if not differing.size:
        return 1.0
    change = change[differing]
    observed = abs(tuned.value - baseline.value) - EPSILON
    ours, theirs = tuned.sums.sum(axis=0), baseline.sums.sum(axis=0)
    hits = total = 0
    for swaps in _swaps(differing.size):
        moved = swaps @ change
        found = tuned.finish(ours + moved, rows) - baseline.finish(theirs - moved, rows)
        hits += int((np.abs(found) >= observed).sum())
        total += len(found)
    return hits / total if differing.size <= EXACT_ROWS else (hits + 1) / (total + 1)


def mean_interval(values: Any) -> tuple[float, float]:
    """95 % interval of the mean of any numbers, by the bootstrap's percentiles."""
    import numpy as np

    numbers = np.asarray(values, dtype=float)
    means = np.concatenate([counts @ numbers for counts in _counts(len(numbers))]) / len(numbers)
    return _percentiles(means, float(numbers.mean()), len(numbers))


def seconds_interval(tuned: Sequence[float], baseline: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the seconds a row that the fine-tuned model saves. Rows with the same seconds were answered in one batch,
    so whole batches are drawn, of each method by itself: drawn by rows, the interval would be too narrow."""
    import numpy as np

    means = []
    for place, seconds in enumerate((tuned, baseline)):
        each, rows = np.unique(np.asarray(seconds, dtype=float), return_counts=True)
        draw = np.random.default_rng([SEED, len(each), place]).multinomial(
            len(each), np.full(len(each), 1 / len(each)), RESAMPLES
        )
        means.append((draw @ (each * rows)) / (draw @ rows))
    saved = float(np.mean(baseline) - np.mean(tuned))
    return _percentiles(means[1] - means[0], saved, min(len(set(tuned)), len(set(baseline))))


def _bootstrapped(measured: Measured) -> Any:
    """The metric of each resample; made once, since a method stands in several comparisons."""
    import numpy as np

    if measured not in _made:
        rows = len(measured.values)
        pieces = [measured.finish(counts @ measured.sums, rows) for counts in _counts(rows)]
        _made[measured] = np.concatenate(pieces)
    return _made[measured]


_made: WeakKeyDictionary[Measured, Any] = WeakKeyDictionary()


def _percentiles(found: Any, value: float, rows: int) -> tuple[float, float]:
    """For a metric that isn't linear, all resamples may lie on one side of the value: the interval still contains it."""
    import numpy as np

    tail = 100 * _tail(rows)
    low, high = np.percentile(found, [tail, 100 - tail])
    return min(float(low), value), max(float(high), value)


@lru_cache
def _tail(rows: int) -> float:
    """The share of resamples outside a 95 % interval at each end: 0.025 for many rows, less for few.

    The plain percentiles are too narrow for few rows, as normal ones are beside Student's, and as a variance is that is
    divided by n. T. Hesterberg, What teachers should know about the bootstrap, The American Statistician 69 (2015)
    371-386: the expanded percentile interval.
    """
    from scipy.special import ndtr, stdtrit

    if rows < 2:
        return 0.025
    return float(ndtr(-sqrt(rows / (rows - 1)) * stdtrit(rows - 1, 0.975)))


def _counts(rows: int) -> Iterator[Any]:
    """[resamples, rows] in pieces: how often each row was drawn."""
    size = max(1, CELLS // rows)
    for start in range(0, RESAMPLES, size):
        yield _drawn(rows, start, min(size, RESAMPLES - start))


@lru_cache(maxsize=2)
def _drawn(rows: int, start: int, size: int) -> Any:
    import numpy as np

    draw = np.random.default_rng([SEED, rows, start]).integers(0, rows, (size, rows))
    draw += rows * np.arange(size)[:, None]
    return np.bincount(draw.ravel(), minlength=size * rows).reshape(size, rows).astype(float)


def _swaps(rows: int) -> Iterator[Any]:
    """[permutations, rows] of 0 and 1 in pieces: which rows' outcomes are swapped."""
    if rows <= EXACT_ROWS:
        yield _every(rows)
        return
    size = max(1, CELLS // rows)
    for start in range(0, PERMUTATIONS, size):
        yield _flipped(rows, start, min(size, PERMUTATIONS - start))


@lru_cache(maxsize=2)
def _flipped(rows: int, start: int, size: int) -> Any:
    import numpy as np

    return np.random.default_rng([SEED, rows, start, 1]).integers(0, 2, (size, rows)).astype(float)


def _every(rows: int) -> Any:
    import numpy as np

    return ((np.arange(1 << rows)[:, None] >> np.arange(rows)) & 1).astype(float)
