"""What finished runs have left behind on Hugging Face: training Spaces and data repos.

Model repos, the runs repo and everything of a run that goes on are never touched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes import record
from hf_recipes.backends.huggingface import monitor, runs_repo
from hf_recipes.backends.huggingface.data_repo import PREFIX
from hf_recipes.backends.huggingface.remote import remote
from hf_recipes.hub import account
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying
from hf_recipes.record.job import load_job
from hf_recipes.record.state import RunState

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True)
class Leftover:
    what: str
    """For people: `the Space ada/x`."""
    run: str
    kind: str
    """space or dataset: how the Hub calls it."""
    repo: str


@dataclass(frozen=True)
class _Run:
    state: RunState
    data: str | None
    """The data repo that it reads."""


def leftovers(runs_dir: Path, only: Sequence[Path] = ()) -> list[Leftover]:
    """What can go, of the runs in `only` or of all: those recorded here and those in the account's runs repo.

    A data repo that a run that goes on shares stays. Raises HubFailed.
    """
    client = account.api()
    owner = account.account(client).name
    known = list(_known(runs_dir, owner, client))
    kept = {run.data for run in known if not run.state.state.finished}
    asked = {run.name for run in only}
    found: dict[tuple[str, str], Leftover] = {}
    for run in known:
        if not run.state.state.finished or (only and run.state.id not in asked):
            continue
        backend, space = remote(run.state.backend), run.state.handle.get("space")
        if backend is not None and isinstance(space, str):
            leftover = Leftover(backend.named(run.state.handle), run.state.id, "space", space)
            found.setdefault(("space", space), leftover)
        if run.data is not None and run.data not in kept:
            leftover = Leftover(f"the dataset {run.data}", run.state.id, "dataset", run.data)
            found.setdefault(("dataset", run.data), leftover)
    return [leftover for leftover in found.values() if _there(client, leftover)]


def remove_leftovers(found: Iterable[Leftover], say: Callable[[str], None]) -> bool:
    """Delete them; says what could not be, and returns whether all could."""
    client = account.api()
    whole = True
    for leftover in found:
        try:
            with hub_errors(f"deleting {leftover.what}"):
                retrying(partial(client.delete_repo, leftover.repo, repo_type=leftover.kind, missing_ok=True))
            say(f"deleted {leftover.what}")
        except HubFailed as error:
            whole = False
            say(str(error))
    return whole


def _known(runs_dir: Path, owner: str, client: HfApi) -> Iterable[_Run]:
    here = {run.name: run for run in record.list_runs(runs_dir)}
    for run in here.values():
        if remote(record.read_state(run).backend) is not None:
            yield _described(run, owner)
    with tempfile.TemporaryDirectory(prefix="hf-recipes-clean-") as folder:
        for name in runs_repo.list_remote(client=client):
            if name in here:
                continue
            try:
                run = runs_repo.restore(name, Path(folder), client=client)
            except HubFailed as error:
                if error.reason != "not_found":
                    raise
                continue  # a folder that holds no run
            yield _described(run, owner)


def _described(run: Path, owner: str) -> _Run:
    """A run with its current state: if it ended since the last look, that is recorded now."""
    path = load_job(run).data.path
    return _Run(monitor.refresh(run), path if path.startswith(f"{owner}/{PREFIX}") else None)


def _there(client: HfApi, leftover: Leftover) -> bool:
    with hub_errors(f"looking for {leftover.what}"):
        return retrying(lambda: client.repo_exists(leftover.repo, repo_type=leftover.kind))
