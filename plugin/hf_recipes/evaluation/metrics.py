"""Metrics: how right one answer is, from 0 (wrong) to 1 (right)."""

from __future__ import annotations

from collections.abc import Callable


def exact_match(answer: str, reference: str) -> float:
    """1.0 where both are the same characters, white space at the ends aside; else 0.0."""
    return float(answer.strip() == reference.strip())


METRICS: dict[str, Callable[[str, str], float]] = {"exact_match": exact_match}
