"""Finding runs by what a person calls them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from hf_recipes.runner.files import read_json

LAST = ("last", "latest")


class RunNotFound(Exception):
    """No run, or more than one, has this name; `nearest` holds ids that may have been meant."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(message)


def list_runs(runs_dir: Path) -> list[Path]:
    """The folders of runs, newest first, also broken ones. Other folders are passed over; no such directory: no runs."""
    if not runs_dir.is_dir():
        return []
    # What makes a folder a run is job.json: it is written once and before anything can break.
    folders = [
        path
        for path in runs_dir.resolve().iterdir()
        if not path.name.startswith(".") and (path / "job.json").is_file()
    ]
    return sorted(folders, key=lambda run: (_created(run), run.name), reverse=True)


def find(name: str, runs_dir: Path) -> Path:
    """The folder of the run with this id, the only one whose id begins so, at this path, or the `last`. Raises RunNotFound."""
    runs = {run.name: run for run in list_runs(runs_dir)}
    if name in runs:
        return runs[name]
    if name in LAST:
        if not runs:
            raise RunNotFound(f"there is no run in {runs_dir} yet")
        return next(iter(runs.values()))
    matching = [each for each in runs if name and each.startswith(name)]
    if len(matching) == 1:
        return runs[matching[0]]
    if matching:
        raise RunNotFound(f"{len(matching)} runs begin with {name}: {', '.join(matching[:5])}", matching[:5])
    path = Path(name)
    if name and (path / "job.json").is_file():
        return path.resolve()
    nearest = difflib.get_close_matches(name, runs, n=3, cutoff=0.4) or list(runs)[:3]
    hint = f"; there is {', '.join(nearest)}" if nearest else f"; there is no run in {runs_dir} yet"
    raise RunNotFound(f"no run is called {name}{hint}", nearest)


def _created(run: Path) -> str:
    try:
        return str(read_json(run / "state.json")["created"])
    except (OSError, ValueError, KeyError):
        return ""
