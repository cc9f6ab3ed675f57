"""A private docker Space as a backend: made for one run, it trains, tells the runs repo and pauses itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes.backends.huggingface import runs_repo
from hf_recipes.backends.huggingface.container.start import start_script
from hf_recipes.backends.huggingface.image import README, dockerfile
from hf_recipes.backends.huggingface.log_reader import LogReading
from hf_recipes.backends.huggingface.outcome import (
    BUILDING,
    GONE,
    SECONDS_TO_BUILD,
    Observed,
    stopped,
    telling,
)
from hf_recipes.backends.huggingface.remote import Handle
from hf_recipes.catalog.hardware import FREE_SPACE
from hf_recipes.hub.clock import seconds_since
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying
from hf_recipes.hub.pushed import pushed

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SLEEP_AFTER = 3600
"""Seconds without a visit after which the Hub stops a forgotten Space. One that trains visits itself (backends/huggingface/container/awake.py)."""
INSTEAD = "without it, an HF Job trains on the same hardware for prepaid credit: --backend"
"""What an account can do that the Hub makes no Spaces for."""
SECONDS_BETWEEN = 3.0
"""Between two looks at a Space whose log has nothing new."""


def place(run: Path, account: str) -> dict[str, object]:
    """The part of the handle that is known before anything is made."""
    return {"space": f"{account}/{run.name}"}


def named(handle: Handle) -> str:
    return f"the Space {handle['space']}"


def start(
    run: Path,
    handle: Handle,
    *,
    secrets: Mapping[str, str],
    variables: Mapping[str, str],
    client: HfApi,
) -> Handle:
    """Make the Space of a run that has been published, and let the Hub build it.

    Raises HubFailed. What was made until then is removed, also on Ctrl-C, as far as the Hub lets it be.
    """
    space, hardware = str(handle["space"]), str(handle["hardware"])
    paid = hardware != FREE_SPACE
    try:
        tries = count()

        def create() -> None:
            # An earlier attempt whose answer was lost may have left half a Space. It is named after the run's id, so it is ours.
            if next(tries):
                client.delete_repo(space, repo_type="space", missing_ok=True)
            client.create_repo(
                space,
                repo_type="space",
                space_sdk="docker",
                private=True,
                # Set with the creation: there is no moment at which a GPU could be forgotten.
                space_hardware=hardware if paid else None,  # type: ignore[arg-type]
                space_sleep_time=SLEEP_AFTER if paid else None,
                space_secrets=[{"key": name, "value": value} for name, value in secrets.items()],
                space_variables=[{"key": name, "value": value} for name, value in variables.items()],
            )

        with hub_errors(f"creating the Space {space} on {hardware}"):
            retrying(create)
        with hub_errors(f"uploading to the Space {space}"):
            # One commit: each one would begin a build.
            retrying(lambda: _upload(client, space, run.name))
    except BaseException as error:
        with suppress(HubFailed):
            remove(handle, client=client)
        if isinstance(error, HubFailed) and error.reason == "no_plan":
            raise HubFailed(
                error.reason, f"{error}; {INSTEAD} jobs-{hardware}", status=error.status
            ) from error
        raise
    return handle


def observe(handle: Handle, *, client: HfApi) -> Observed:
    """What can be seen of a run. The stage is looked at first: a run writes its end before it stops. Raises HubFailed."""
    space, runs, model = (str(handle[name]) for name in ("space", "runs", "model"))
    run_id = space.partition("/")[2]
    stage, error = _stage(client, space)
    remote = runs_repo.read_remote_state(run_id, repo=runs, client=client)
    seconds = _seconds(client, space) if stage in BUILDING else 0.0
    ended = stopped(stage) or str((remote or {}).get("state")) in ("succeeded", "failed", "cancelled")
    stuck = seconds > SECONDS_TO_BUILD
    return Observed(
        platform="space",
        stage=stage,
        remote=remote,
        weights=ended and pushed(client, model, run_id),
        last_line=telling(_lines(client, space, stage)) if ended or stuck else "",
        seconds=seconds,
        error=error,
    )


def logs(handle: Handle, follow: bool, *, client: HfApi) -> Iterator[str]:
    """The Space's log, line by line: of its build while it is built, of its run from then on. Raises HubFailed.

    With `follow` until nothing runs any more; connections that break are made again, and no line comes twice.
    """
    space = str(handle["space"])
    readings = {"build": LogReading(), "run": LogReading()}
    while True:
        stage, _ = _stage(client, space)
        kind = "build" if stage in BUILDING or stage == "BUILD_ERROR" else "run"
        yield from readings[kind].lines(_fetch(client, space, kind, follow and not stopped(stage)))
        if (not follow or stopped(stage)) and not readings[kind].broken:
            return
        time.sleep(SECONDS_BETWEEN)


def cancel(handle: Handle, *, client: HfApi) -> None:
    """Pause the Space: from then on it costs nothing. One that is gone is as good. Raises HubFailed."""
    space = str(handle["space"])
    try:
        with hub_errors(f"pausing the Space {space}"):
            retrying(lambda: client.pause_space(space))
    except HubFailed as error:
        if error.reason != "not_found":
            raise


def remove(handle: Handle, *, client: HfApi) -> None:
    """Delete the Space, if there is one. Raises HubFailed."""
    space = str(handle["space"])
    with hub_errors(f"deleting the Space {space}"):
        retrying(lambda: client.delete_repo(space, repo_type="space", missing_ok=True))


def _upload(client: HfApi, space: str, run_id: str) -> None:
    from huggingface_hub import CommitOperationAdd

    files = {
        "README.md": README.format(run=json.dumps(run_id)),
        "Dockerfile": dockerfile(),
        "start.py": start_script(),
    }
    operations = [CommitOperationAdd(name, text.encode("utf-8")) for name, text in files.items()]
    client.create_commit(space, operations, commit_message=f"hf-recipes run {run_id}", repo_type="space")


def _stage(client: HfApi, space: str) -> tuple[str, str]:
    """The Space's stage and what the Hub says of an error."""
    try:
        with hub_errors(f"asking for the Space {space}"):
            runtime = retrying(lambda: client.get_space_runtime(space))
    except HubFailed as error:
        if error.reason == "not_found":
            return GONE, ""
        raise
    said = " ".join(str(runtime.raw.get("errorMessage") or "").split())
    return str(getattr(runtime.stage, "value", runtime.stage)), said[-300:]


def _seconds(client: HfApi, space: str) -> float:
    """The Space's age."""
    with hub_errors(f"asking for the Space {space}"):
        created = retrying(lambda: client.space_info(space)).created_at
    return seconds_since(created, f"api/spaces/{space}/runtime", client=client) if created else 0.0


def _fetch(client: HfApi, space: str, kind: str, follow: bool) -> Iterable[str]:
    """From the beginning."""
    return client.fetch_space_logs(space, build=kind == "build", follow=follow)


def _lines(client: HfApi, space: str, stage: str) -> list[str]:
    if stage == GONE:
        return []
    kind = "build" if stage in (*BUILDING, "BUILD_ERROR") else "run"
    return list(LogReading().lines(_fetch(client, space, kind, False)))
