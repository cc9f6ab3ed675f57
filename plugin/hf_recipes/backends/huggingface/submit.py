"""Sending a recorded run to Hugging Face: what it needs is uploaded, its container is made."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes import environments, record
from hf_recipes.backends.huggingface import runs_repo
from hf_recipes.backends.huggingface.data_repo import PREFIX, publish_data
from hf_recipes.backends.huggingface.monitor import SENT, tell
from hf_recipes.backends.huggingface.package import package
from hf_recipes.backends.huggingface.remote import Handle, remote
from hf_recipes.backends.huggingface.remote_data import for_remote
from hf_recipes.environments.call import ask_inference
from hf_recipes.estimates.timeout import space_timeout
from hf_recipes.hub import account
from hf_recipes.hub.errors import HubFailed, clean, hub_errors, retrying
from hf_recipes.hub.publish.push import check_target, client_of
from hf_recipes.recipe.problem import RecipeError
from hf_recipes.record.create import plain
from hf_recipes.record.job import load_job
from hf_recipes.record.state import Reason, State
from hf_recipes.runner.files import read_json, write_json

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Say = Callable[[str], None]

COST = "cost.json"
"""In the run's folder: what was known of its cost when it was recorded."""


class _Cancelled(Exception):
    """The run was cancelled while it was being started."""


def begin(run: Path, *, say: Say) -> None:
    """Upload what a recorded run needs and make its container; from then on it needs this machine no more.

    What fails on the way is the run's end, and what was made until then is removed; also on Ctrl-C, which goes on its way.
    """
    made: list[Callable[[], None]] = []
    try:
        _begin(run, made, say)
    except (HubFailed, environments.EnvironmentFailed) as error:
        _end_start(run, made, State.FAILED, Reason.START_FAILED, str(error))
    except RecipeError as error:
        _end_start(run, made, State.FAILED, Reason.DATA_INVALID, str(error.problems[0]))
    except _Cancelled:
        for left in _undo(made):
            say(left)
    except Exception as error:  # a full disk, or a bug of ours: not a cancellation
        said = clean(f"{type(error).__name__}: {error}")
        _end_start(run, made, State.FAILED, Reason.START_FAILED, f"the run could not be sent: {said}")
        raise
    except BaseException:
        _end_start(run, made, State.CANCELLED, Reason.CANCELLED, "cancelled before the run began")
        raise


def _begin(run: Path, made: list[Callable[[], None]], say: Say) -> None:
    state = record.read_state(run)
    backend = remote(state.backend)
    assert backend is not None, f"{run.name} runs on this machine"
    client = client_of(run)
    name = account.writer(client, doing=f"starting a run on {state.backend}").name
    model = _target(run, client)
    _check_sources(run, client)
    _publish_data(run, client, name, made, say)
    cost = _cost(run)
    handle: dict[str, Any] = {
        **backend.place(run, name),
        "runs": runs_repo.runs_repo_of(name),
        "model": model,
        "hardware": state.backend.partition("-")[2],
        "per_hour": cost.get("per_hour"),
        "hours": cost.get("hours"),
    }
    # Marked with its creator until it has started, so that nobody judges a container that is not there yet.
    kept = record.update(run, handle={**state.handle, **handle})
    if kept.handle.get("runs") != handle["runs"] and not kept.state.finished:
        raise OSError(errno.EIO, "the run's folder cannot be written", str(run))
    say(f"publishing the run to {handle['runs']}")
    runs_repo.publish_run(run, handle, client=client)
    if record.read_state(run).state.finished:
        raise _Cancelled
    say(f"making {backend.named(handle)} on {handle['hardware']}")
    # Also of a start that fails, which removes what it can: what stays after all must be named.
    made.append(lambda: backend.remove(handle, client=client))
    started = backend.start(
        run, handle, secrets=_secrets(run, client), variables=_variables(run, handle), client=client
    )
    made[-1] = lambda: backend.remove(started, client=client)
    if started != handle:
        runs_repo.publish_handle(run, handle["runs"], started, client=client)
    if record.update(run, handle={**started, SENT: True}).state.finished:
        raise _Cancelled


def _target(run: Path, client: HfApi) -> str:
    """The model repo, found out before anything is made."""
    try:
        return check_target(run, client=client)
    except HubFailed as error:
        if error.reason != "other_recipe":
            raise
        # push has options for this; a run has its recipe.
        said = str(error).partition("; name another")[0]
        raise HubFailed(
            error.reason, f"{said}; give the recipe another project_name, or delete that repo"
        ) from None


def _check_sources(run: Path, client: HfApi) -> None:
    """That the base and the data are there for this token, found out before a machine is paid for. Raises HubFailed."""
    job = load_job(run)
    wanted = [] if job.base_model.startswith("bundled/") else [("model", "base model", job.base_model)]
    if not job.data.local:
        wanted.append(("dataset", "data", job.data.path))
    for kind, what, name in wanted:
        with hub_errors(f"looking at the {what} {name}"):
            retrying(lambda kind=kind, name=name: _may_read(client, kind, name))  # type: ignore[misc]


def _may_read(client: HfApi, kind: str, name: str) -> None:
    found = client.repo_info(name, repo_type=kind)
    if getattr(found, "gated", None):
        # Anybody is told that it is there; who may read it is asked apart.
        client.auth_check(str(found.id), repo_type=kind)


def _publish_data(run: Path, client: HfApi, name: str, made: list[Callable[[], None]], say: Say) -> None:
    """Local data goes up first, and the recorded job is rewritten to read it from there."""
    job = load_job(run)
    if not job.data.local:
        return
    say("preparing the data for the Hub")
    with tempfile.TemporaryDirectory(prefix="hf-recipes-data-") as folder:
        answer: Any = ask_inference("hf_recipes.steps.prepare.publish", plain(job), say, folder)
        repo = f"{name}/{PREFIX}{answer['sha'][:12]}"
        with hub_errors(f"looking for {repo}"):
            there = retrying(lambda: client.repo_exists(repo, repo_type="dataset"))
        if not there:
            made.append(lambda: _remove_data(run, repo, client))
        say(f"the data is in {repo} already" if there else f"uploading the data to {repo}")
        published = publish_data(Path(folder), answer["sha"], client=client)
    write_json(run / "job.json", plain(for_remote(job, published.repo, published.revision, answer["splits"])))


def _remove_data(run: Path, repo: str, client: HfApi) -> None:
    """What this start has uploaded, unless another run has found it there meanwhile."""
    for other in record.list_runs(run.parent):
        uses = load_job(other).data.path == repo
        if other != run and uses and not record.read_state(other).state.finished:
            return
    with hub_errors(f"deleting {repo}"):
        retrying(lambda: client.delete_repo(repo, repo_type="dataset", missing_ok=True))


def _secrets(run: Path, client: HfApi) -> dict[str, str]:
    """Values come in here, at the last moment, and go to the container's secrets alone."""
    names = load_job(run).secrets
    found = {name: os.environ[name] for name in names if os.environ.get(name)}
    return {**found, "HF_TOKEN": str(client.token)}


def _variables(run: Path, handle: Handle) -> dict[str, str]:
    told = {
        "HF_RECIPES_RUNS_REPO": str(handle["runs"]),
        "HF_RECIPES_RUN": run.name,
        "HF_RECIPES_PACKAGE": package().name,
    }
    hours = handle.get("hours")
    if "space" in handle and handle.get("per_hour") != 0:
        # An HF Job is stopped by the Hub; a Space that hangs stays awake, and would cost money without end.
        told["HF_RECIPES_TIME_LIMIT"] = str(space_timeout(hours if isinstance(hours, (int, float)) else None))
    endpoint = os.environ.get("HF_ENDPOINT")
    return {**told, "HF_ENDPOINT": endpoint} if endpoint else told


def _end_start(run: Path, made: list[Callable[[], None]], state: State, reason: Reason, message: str) -> None:
    """Undo, and only then write the end: should this process be killed meanwhile, the next look goes on with it."""
    left = _undo(made)
    record.end(run, state, reason, "; ".join([message, *left]))
    handle = record.read_state(run).handle
    if "runs" in handle:
        with suppress(HubFailed):
            tell(run, handle, client_of(run))


def _undo(made: list[Callable[[], None]]) -> list[str]:
    """Remove what was made, the last first; returns what could not be, in words."""
    failed = []
    for undo in reversed(made):
        try:
            undo()
        except HubFailed as error:
            failed.append(str(error))
    return failed


def _cost(run: Path) -> Mapping[str, Any]:
    try:
        return read_json(run / COST)
    except (OSError, ValueError):
        return {}
