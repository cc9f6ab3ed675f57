"""How long an HF Job may run: the Hub stops one after 30 minutes unless it is told."""

from __future__ import annotations

FACTOR = 3
"""An estimate may be wrong by that much before training is cut off."""
SHORTEST, LONGEST, UNKNOWN = 3600, 7 * 24 * 3600, 6 * 3600
"""Seconds; the last where the time cannot be estimated."""


def job_timeout(hours: float | None) -> int:
    """Seconds for a run that is estimated to take so many hours."""
    if hours is None:
        return UNKNOWN
    return round(min(max(FACTOR * hours * 3600, SHORTEST), LONGEST))


def as_json(hours: float | None) -> dict[str, object]:
    """`timeout` in a plan's estimate."""
    basis = f"{FACTOR} × the estimate, 1 h to 7 days" if hours is not None else "the time cannot be estimated"
    return {"seconds": job_timeout(hours), "basis": basis}
