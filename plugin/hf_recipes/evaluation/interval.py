"""The two pieces of statistics that a report needs: an interval for a share, and a test for a difference between two."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


def wilson(successes: float, n: int, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval (95 %) for the share of `successes` among `n` ≥ 1 rows: low and high, within 0 and 1.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927) 209-212.
    Unlike the share ± 1.96 standard errors it keeps its coverage near 0 and 1, where good and bad models live
    (Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical Science 16 (2001) 101-133).
    For a metric with values between 0 and 1 it is wider than needed, never narrower.
    """
    if n < 1:
        raise ValueError("An interval needs at least one row.")
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1; rounding may not.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return low, high


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p of McNemar's test on paired rows.

    `only_a`: rows that a alone got right; `only_b`: rows that b alone got right. The rows on which they agree say nothing
    about which is better. If neither were, each of the others would be a fair coin: the binomial tail, doubled.
    """
    n = only_a + only_b
    tail = term = 1
    for i in range(min(only_a, only_b)):
        term = term * (n - i) // (i + 1)  # C(n, i + 1), exactly
        tail += term
    return min(1.0, 2 * tail / (1 << n))


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down adjustment, in the order given: below 0.05 where the difference holds among all that were looked at.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65-70.
    """
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted
