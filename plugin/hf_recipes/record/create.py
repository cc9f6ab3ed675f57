"""Making the folder of a new run."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path, PurePath
from typing import Any

from hf_recipes.record.job import Job
from hf_recipes.record.state import State
from hf_recipes.runner.files import now, write_json
from hf_recipes.runner.processes import process_started


def create(job: Job, recipe_text: str, runs_dir: Path) -> Path:
    """Record a job as a queued run; returns the run's folder, absolute. Raises OSError; ValueError for a file outside it.

    The folder appears whole, under a name that no other run has, however many are made at once.
    """
    # Resolved, because the runner marks its children with this path, and they are searched for by it.
    runs_dir = runs_dir.resolve()
    runs_dir.mkdir(parents=True, exist_ok=True)
    while True:
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
        run = runs_dir / f"{job.project_name}-{stamp}-{secrets.token_hex(2)}"
        building = runs_dir / f".{run.name}-{secrets.token_hex(4)}"
        building.mkdir()
        try:
            _fill(building, run.name, job, recipe_text)
            building.rename(
                run
            )  # fails where another run has the name: a folder with files in it is not replaced
            return run
        except BaseException as error:
            shutil.rmtree(building, ignore_errors=True)
            if not (isinstance(error, OSError) and run.exists()):
                raise


def _fill(folder: Path, name: str, job: Job, recipe_text: str) -> None:
    (folder / "recipe.yml").write_bytes(recipe_text.encode("utf-8"))
    write_json(folder / "job.json", plain(job))
    (folder / "work").mkdir()
    write_files(folder, job.files)
    (folder / "lock").touch()
    created = now()
    state = {
        "schema": 1,
        "id": name,
        "state": State.QUEUED.value,
        "stage": None,
        "reason": None,
        "message": "",
        # Until a runner takes over, this process owns the run: while it lives, the run counts as queued.
        "handle": {"creator": os.getpid(), "started": process_started(os.getpid())},
        "backend": job.backend,
        "project_name": job.project_name,
        "created": created,
        "updated": created,
    }
    write_json(folder / "state.json", state)


def write_files(run: Path, files: Mapping[str, str]) -> None:
    """The files that go with a job. Raises ValueError for one outside the run."""
    for place, text in files.items():
        if PurePath(place).is_absolute() or ".." in PurePath(place).parts:
            raise ValueError(f"a job's file must lie in its run: {place}")
        path = run / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))


def plain(value: Any) -> Any:
    """Dataclasses, mappings, tuples, paths and enums as what JSON has."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, Enum):
        return plain(value.value)
    return str(value) if isinstance(value, PurePath) else value
