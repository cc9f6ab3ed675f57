"""Finding runs by what a person calls them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from hf_recipes.runner.files import read_json

LAST = ("last", "latest")
STAMP = re.compile(r"-(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-[0-9a-f]{4}$")
"""How a run's id ends."""


class RunNotFound(Exception):
    """No run, or more than one, has this name; `nearest` holds ids that may have been meant."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        self.nearest = tuple(nearest)
        super().__init__(message)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, also one that has lost a file: each of these is written before anything can break."""
    return any((folder / name).is_file() for name in ("job.json", "state.json"))


def list_runs(runs_dir: Path) -> list[Path]:
    """The folders of runs, newest first, also broken ones. Other folders are passed over; no such directory: no runs."""
    if not runs_dir.is_dir():
        return []
    folders = [
        path for path in runs_dir.resolve().iterdir() if not path.name.startswith(".") and is_run(path)
    ]
    return sorted(folders, key=lambda run: (_created(run), run.name), reverse=True)


def find_run(name: str, runs_dir: Path) -> Path:
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
    if name and is_run(path):
        return path.resolve()
    if len(path.parts) > 1:
        there = "holds no run" if path.is_dir() else "is not there (deleted, or moved?)"
        raise RunNotFound(f"{name} {there}; name a run by its id, or by its folder where that is now")
    nearest = difflib.get_close_matches(name, runs, n=3, cutoff=0.4) or list(runs)[:3]
    hint = f"; there is {', '.join(nearest)}" if nearest else f"; there is no run in {runs_dir} yet"
    raise RunNotFound(f"no run is called {name}{hint}", nearest)


def _created(run: Path) -> str:
    try:
        return str(read_json(run / "state.json")["created"])
    except (OSError, ValueError, KeyError):
        # Its name says it, too: what is damaged keeps its place, and is what `last` means.
        found = STAMP.search(run.name)
        return "{}-{}-{}T{}:{}:{}".format(*found.groups()) if found else ""
