"""The state of a run as it is, which may not be what its runner wrote last: a killed one writes nothing more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.record.state import Reason, RunState, State
from hf_recipes.runner.files import read_json, take_lock, update_state
from hf_recipes.runner.processes import kill, marked, process_started

VANISHED = "the process that did the run is gone (killed, or the machine went down)"

TYPES: Mapping[str, type] = {"handle": dict, "schema": int}
"""Fields of a state that are no text."""
OPTIONAL = ("stage", "reason")
GONE = "the folder of the run is gone: {run} was deleted or moved while it was watched"

_unwritten: dict[Path, RunState] = {}
"""Ends that this process has decided and no disk could hold. Of a run that waits for this very process it is the only word."""


def read_state(run: Path) -> RunState:
    """The state of a run. One that says it goes on though nothing works on it is failed, and that is written down.

    A state.json that is missing or damaged reads as failed, too, and is left as it is.
    """
    state = _read(run)
    # A runner writes its final state and then releases the lock; we may read in between, so try a few times.
    for _ in range(20):
        if state.state.finished or not runs_here(state.backend):
            return state
        if _waits(state):
            return _unwritten.get(run, state)
        settled = end(run, State.FAILED, Reason.RUNNER_VANISHED, _vanished(run, state))
        if settled is not None:
            return settled
        if alive(state.handle):
            return state
        time.sleep(0.05)  # someone else is settling it
        state = _read(run)
    return state


def end(
    run: Path, state: State, reason: Reason | None, message: str, *, stage: str | None = None
) -> RunState | None:
    """Write the end of a run that nothing works on; returns its state, which may have been final before.

    None while a runner holds the run: its word counts. `stage` where another one is known than was written last.
    """
    try:
        lock = take_lock(run)
    except OSError:  # not writable for us
        return _as_if(run, state, reason, message)
    if lock is None:
        return None
    try:
        now_there = _read(run)
        if now_there.state.finished:
            return now_there
        for pid in marked(run.resolve()):
            kill(pid, signal.SIGKILL)
        changes: dict[str, Any] = {"state": state.value, "reason": reason.value if reason else None}
        if stage is not None:
            changes["stage"] = stage
        return _parse(run, update_state(run, **changes, message=message))
    except OSError:
        return _as_if(run, state, reason, message)
    finally:
        os.close(lock)


def update(run: Path, **changes: Any) -> RunState:
    """Change fields of a run that works elsewhere; one that has ended, or cannot be written, stays as it is."""
    try:
        lock = take_lock(run, wait=5)
    except OSError:
        return _read(run)
    if lock is None:
        return _read(run)
    try:
        now_there = _read(run)
        return now_there if now_there.state.finished else _parse(run, update_state(run, **changes))
    except OSError:
        return _read(run)
    finally:
        os.close(lock)


def creator_lives(state: RunState) -> bool:
    """Whether the process lives that has recorded the run and is still to start it."""
    return _lives(state.handle.get("creator"), state.handle)


def alive(handle: Mapping[str, object]) -> bool:
    """Whether the runner of this handle lives: the same process, not another that was given its pid."""
    return _lives(handle.get("pid"), handle)


def _waits(state: RunState) -> bool:
    return state.state is State.QUEUED and creator_lives(state)


def _lives(pid: object, handle: Mapping[str, object]) -> bool:
    started = process_started(pid) if isinstance(pid, int) else None
    return started is not None and started == handle.get("started")


def _vanished(run: Path, state: RunState) -> str:
    if state.state is State.QUEUED:
        return "the process that was to start the run is gone"
    during = f" during {state.stage}" if state.stage else ""
    return f"{VANISHED}{during}; log: {run / 'train.log'}"


def _read(run: Path) -> RunState:
    try:
        return _parse(run, read_json(run / "state.json"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        return RunState(id=run.name, state=State.FAILED, message=_unreadable(run, error))


def _unreadable(run: Path, error: Exception) -> str:
    if not run.is_dir():
        return GONE.format(run=run)
    if isinstance(error, FileNotFoundError):
        return "state.json is missing: how the run stands is not known; its log may say (hf-recipes logs)"
    if isinstance(error, OSError):
        return f"state.json cannot be read ({error.strerror})"
    return "state.json is damaged: how the run stands is not known; its log may say (hf-recipes logs)"


def _parse(run: Path, document: Mapping[str, Any]) -> RunState:
    known = {field.name: document[field.name] for field in fields(RunState) if field.name in document}
    for field in fields(RunState):
        value, kind = known.get(field.name), TYPES.get(field.name, str)
        optional = field.name not in known or (value is None and field.name in OPTIONAL)
        if not optional and not isinstance(value, kind):
            raise ValueError(f"{field.name} is no {kind.__name__}")
    return RunState(**{"id": run.name, **known, "state": State(known["state"])})


def _as_if(run: Path, state: State, reason: Reason | None, message: str) -> RunState:
    """What would have been written, had it been possible."""
    there = _read(run)
    if there.state.finished:
        return there
    known = {field.name: getattr(there, field.name) for field in fields(RunState)}
    ended = RunState(**{**known, "state": state, "reason": reason and reason.value, "message": message})
    return _unwritten.setdefault(run, ended)
