"""Runs on Hugging Face, seen from here: watched, judged, cancelled."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes import record
from hf_recipes.backends.huggingface import runs_repo
from hf_recipes.backends.huggingface.outcome import (
    GONE,
    NO_FILES,
    Observed,
    begun,
    goes_on_costing,
    judge_outcome,
    stopped,
    telling,
)
from hf_recipes.backends.huggingface.remote import Handle, Remote, remote
from hf_recipes.hub.errors import HubFailed
from hf_recipes.hub.publish.push import client_of
from hf_recipes.record.state import Reason, RunState, State

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Look = tuple[RunState, Sequence[Mapping[str, Any]]]

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 15.0
"""Seconds between two looks at a run that is followed."""
SECONDS_TO_START = 600.0
"""That making a run's container may take once the run is published, as seen from a machine that did not start it."""
SENT = "sent"
"""In the handle where the run was started: its container has been made."""
NOT_STARTED = "the process that was to start the run is gone"


def refresh(run: Path) -> RunState:
    """The state of a run, on this machine or elsewhere, as it is now. Raises HubFailed when the Hub cannot say.

    An end is judged on evidence and written here once; what runs on after it is stopped, so that it costs nothing.
    """
    state = record.read_state(run)
    backend = remote(state.backend)
    if backend is None or state.state.finished or record.creator_lives(state):
        return state
    handle = state.handle
    if "runs" not in handle:
        return record.end(run, State.FAILED, Reason.START_FAILED, NOT_STARTED) or state
    client = client_of(run)
    seen = backend.observe(handle, client=client)
    if "creator" in handle and seen.stage in (GONE, NO_FILES):
        backend.remove(handle, client=client)
        return record.end(run, State.FAILED, Reason.START_FAILED, NOT_STARTED) or state
    if seen.stage == GONE and SENT not in handle and not begun(seen) and _just_published(run, handle, client):
        return state  # another process is just starting it
    return _judged(run, backend, handle, seen, client) or record.update(run, **_progress(seen))


def _judged(run: Path, backend: Remote, handle: Handle, seen: Observed, client: HfApi) -> RunState | None:
    """The end of a run that has one, written down; None while it goes on."""
    if judge_outcome(seen) is None:
        return None
    # Neither the judgement nor what costs hangs on it, nor on room on this disk.
    with suppress(HubFailed, OSError):
        runs_repo.bring(run, repo=handle["runs"], client=client)
    if not seen.last_line:
        seen = dataclasses.replace(seen, last_line=_last_line(run))
    end = judge_outcome(seen)
    assert end is not None
    message = end.message
    if goes_on_costing(seen.stage):
        try:
            backend.cancel(handle, client=client)
        except HubFailed as error:
            if not stopped(seen.stage):
                said = f"{backend.named(handle)} may go on costing: {error}"
                if error.transient:  # not the end yet: the next look tries again
                    record.update(run, message=f"it has ended ({end.state.value}), but {said}")
                    raise
                message += f"; {said}"
    stage = (seen.remote or {}).get("stage")
    ended = record.end(run, end.state, end.reason, message, stage=stage if isinstance(stage, str) else None)
    # What we have paused would look, from elsewhere, as if its owner had; and who starts a Space again trains nothing twice.
    with suppress(HubFailed):
        tell(run, handle, client)
    return ended


def look(run: Path, *, patient: bool = True) -> RunState:
    """As refresh, with the run's events, log and reports brought here. Raises HubFailed.

    Whoever is `patient` looks again soon: what may pass by itself, such as a connection that is gone for a while, is passed over.
    """
    try:
        state = refresh(run)
        if not state.state.finished and "runs" in state.handle:
            runs_repo.bring(run, repo=str(state.handle["runs"]), client=client_of(run))
    except HubFailed as error:
        if error.reason != "not_found" and not (patient and error.transient):
            raise
        return record.read_state(run)
    return state


def watch(run: Path) -> Iterator[Look]:
    """The state of a run elsewhere with the events since the last look, until it has ended. Raises HubFailed."""
    last: Mapping[str, Any] | None = None
    pause = FIRST_PAUSE
    while True:
        state = look(run)
        events = record.events(run)
        yield state, since(last, events)
        last = events[-1] if events else last
        if state.state.finished:
            return
        time.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE)


def since(last: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The events after the `last` one that was seen; all of them where it is gone.

    Of a long run only the latest events are mirrored, so that their number says nothing.
    """
    places = range(len(events) - 1, -1, -1) if last is not None else ()
    return events[next((place + 1 for place in places if events[place] == last), 0) :]


def cancel(run: Path) -> RunState:
    """Stop a run elsewhere: from then on it costs nothing. One that has ended stays as it is. Raises HubFailed."""
    state = refresh(run)
    backend = _backend(state)
    if state.state.finished:
        return state
    handle = state.handle
    if "runs" not in handle:
        return record.end(run, State.CANCELLED, Reason.CANCELLED, "cancelled before it began") or state
    client = client_of(run)
    backend.cancel(handle, client=client)
    said = f"{backend.named(handle)} is stopped and costs nothing from now on"
    ended = record.end(run, State.CANCELLED, Reason.CANCELLED, said) or state
    with suppress(HubFailed):  # so that other machines see that it has stopped
        tell(run, handle, client)
    return ended


def logs(run: Path, follow: bool) -> Iterator[str]:
    """The log of a run elsewhere, by lines: from its container while that runs, else what was brought from there."""
    state = record.read_state(run)
    backend, handle = _backend(state), state.handle
    if "runs" not in handle:
        return
    client = client_of(run)
    lines = 0
    if not state.state.finished:
        for line in backend.logs(handle, follow, client=client):
            lines += 1
            yield line
    if lines:
        return
    with suppress(HubFailed):
        runs_repo.bring(run, repo=handle["runs"], client=client)  # type: ignore[arg-type]
    log = run / "train.log"
    if log.exists():
        with log.open(encoding="utf-8", errors="replace") as kept:
            yield from kept
    elif state.state.finished:
        yield from backend.logs(handle, False, client=client)


def facts(run: Path) -> dict[str, object]:
    """What `status` and `list` add for a run elsewhere: where it runs, on what, what that costs, where its model goes."""
    state = record.read_state(run)
    backend, handle = remote(state.backend), state.handle
    if backend is None:
        return {}
    known: dict[str, object] = {"hardware": state.backend.partition("-")[2]}
    if "runs" in handle:
        known |= {
            "where": backend.named(handle),
            "per_hour": 0.0 if state.state.finished else handle.get("per_hour"),
            "model_repo": handle.get("model"),
        }
    return known


def _just_published(run: Path, handle: Handle, client: HfApi) -> bool:
    seconds = runs_repo.handle_age(run.name, repo=str(handle["runs"]), client=client)
    return seconds is not None and seconds < SECONDS_TO_START


def _backend(state: RunState) -> Remote:
    backend = remote(state.backend)
    assert backend is not None, f"{state.id} runs on this machine"
    return backend


def tell(run: Path, handle: Handle, client: HfApi) -> None:
    """Write the end that is known here into the runs repo, where others look; what the run itself has said of its end stays."""
    runs = str(handle["runs"])
    there = runs_repo.read_remote_state(run.name, repo=runs, client=client)
    if there is not None and there.get("state") not in (State.SUCCEEDED, State.FAILED, State.CANCELLED):
        runs_repo.publish_end(run, runs, client=client)


def _progress(seen: Observed) -> dict[str, Any]:
    """What is told of a run that goes on."""
    told = seen.remote or {}
    if told.get("state") in (State.PREPARING.value, State.RUNNING.value):
        return {"state": told["state"], "stage": told.get("stage"), "message": told.get("message") or ""}
    return {"message": f"{seen.platform} {seen.stage.lower().replace('_', ' ')}"}


def _last_line(run: Path) -> str:
    try:
        return telling((run / "train.log").read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return ""
