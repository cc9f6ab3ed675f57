"""How measured numbers are written, the same in every place: shares, their intervals and differences, p values.

A share has one digit after the point, and more where that would make it equal to something it is not: 0.9997 is not
100.0%, a value below a bound is not the bound, and p = 0.0496 is not 0.050. Pure, standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIGNIFICANT = 0.05
MOST_DIGITS = 6
EQUAL = 1e-9
"""A sum of fractions is off in its last digits by less."""


def share(value: float) -> str:
    """`1.7%`. Only 0 and 1 themselves are `0.0%` and `100.0%`."""
    return f"{_apart(100 * value, (0.0, 100.0))}%"


def share_against(value: float, bound: float | None) -> str:
    """As `share`, with as many digits as it takes to tell the value from a bound that it is held against."""
    beside = (0.0, 100.0) if bound is None else (0.0, 100.0, 100 * bound)
    return f"{_apart(100 * value, beside)}%"


def bound_share(value: float) -> str:
    """A bound as a person set it: `90%`, `97.25%`."""
    return f"{round(100 * value, 9):.10g}%"


def interval_in_words(measured: Mapping[str, Any]) -> str:
    """`93.2% to 97.6%`; empty where there is none."""
    if "low" not in measured or "high" not in measured:
        return ""
    return f"{share(measured['low'])} to {share(measured['high'])}"


def share_in_interval(measured: Mapping[str, Any]) -> str:
    """`95.9% (93.2% to 97.6%)`."""
    bounds = interval_in_words(measured)
    return share(measured["value"]) + (f" ({bounds})" if bounds else "")


def difference(value: float) -> str:
    """In points of 100: `+14.4`. Its sign is never rounded away."""
    return _apart(100 * value, (-100.0, 0.0, 100.0), sign="+")


def difference_in_words(measured: Mapping[str, Any]) -> str:
    """In points of 100: `-0.5 to +2.3`; empty where there is none."""
    if "low" not in measured or "high" not in measured:
        return ""
    return f"{difference(measured['low'])} to {difference(measured['high'])}"


def points(value: float) -> str:
    """`14.4 points`."""
    return f"{_apart(100 * value, (0.0,))} points"


def p_value(p: float) -> str:
    """`0.031` or `< 0.001`."""
    return "< 0.001" if p < 0.001 else _apart(p, (SIGNIFICANT,), digits=3)


def p_is(p: float) -> str:
    """`= 0.031` or `< 0.001`, behind the letter p."""
    found = p_value(p)
    return found if found.startswith("<") else f"= {found}"


def _apart(value: float, others: tuple[float, ...], *, digits: int = 1, sign: str = "") -> str:
    """`value` with `digits` after the point, or as many more as it takes to differ from those of `others` that it is not."""
    for other in others:
        if abs(value - other) <= EQUAL:
            return f"{other:{sign}.{digits}f}"
    for more in range(digits, MOST_DIGITS):
        found = f"{value:{sign}.{more}f}"
        if all(float(found) != round(other, more) for other in others):
            return found
    return f"{value:{sign}.{MOST_DIGITS}f}"
