"""Whether a run trains: what its recorded job says, not what it has reached."""

from __future__ import annotations

from pathlib import Path

from hf_recipes.record.job import load_job

TRAINED_NOTHING = "trained nothing: it is a decision, which measured the base alone (see: hf-recipes report, hf-recipes run)"
"""Follows the run's name."""


def trains_nothing(run: Path) -> bool:
    """True for a run of `decide`, whose job has no step named train. A job that cannot be read is taken for one that trains."""
    try:
        return not load_job(run).trains
    except (OSError, ValueError):
        return False
