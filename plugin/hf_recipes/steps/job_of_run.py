"""The job of a run as its steps work on it: data that was fetched for it is local, wherever it came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hf_recipes.record.job import Job, load_job


def job_of_run(run: Path) -> Job:
    """Raises OSError, Damaged."""
    job = load_job(run)
    source = run / "work" / "source"
    if not source.is_dir():
        return job
    return replace(job, data=replace(job.data, path=str(source), local=True))
