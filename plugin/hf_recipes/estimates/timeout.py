"""How long a run elsewhere may take. The Hub stops an HF Job after 30 minutes unless it is told, and a Space that hangs never."""

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


def space_timeout(hours: float | None) -> int:
    """As for an HF Job, but nothing asks for a limit where there is no estimate."""
    return LONGEST if hours is None else job_timeout(hours)


def timeout_as_json(backend: str, hours: float | None) -> dict[str, object]:
    """`timeout` in a plan's estimate."""
    basis = f"{FACTOR} × the estimate, 1 h to 7 days" if hours is not None else "the time cannot be estimated"
    seconds = job_timeout(hours) if backend.startswith("jobs-") else space_timeout(hours)
    return {"seconds": seconds, "basis": basis}
