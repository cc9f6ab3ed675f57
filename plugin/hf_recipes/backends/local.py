"""This machine as a backend: a run is a runner process, and its handle that process's pid and start time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from hf_recipes import environments, record
from hf_recipes.backends.machine import machine
from hf_recipes.record.job import load_job
from hf_recipes.record.progress import watch
from hf_recipes.record.settle import alive
from hf_recipes.record.state import Reason, RunState, State
from hf_recipes.runner import run as runner
from hf_recipes.runner.children import GRACE
from hf_recipes.runner.environment import child_environment
from hf_recipes.runner.files import read_json
from hf_recipes.runner.processes import kill

__all__ = ["alive", "begin", "cancel", "facts", "logs", "look", "machine", "refresh", "start", "watch"]

SECONDS_TO_START = 60.0
SECONDS_TO_END = GRACE + 15.0

_runners: dict[Path, subprocess.Popen[bytes]] = {}
"""The runners of this process: an attached one ends when our end of its stdin is closed, so it must not be collected."""


def begin(run: Path, *, attached: bool, say: Callable[[str], None]) -> None:
    """Make the environments that the steps need, and start the runner."""
    job = load_job(run)
    if job.push and not _can_be_pushed(run):
        return
    try:
        pythons = {name: environments.ensure(name, say=say) for name in job.requirements}
        start(run, pythons=pythons, attached=attached, package=environments.package_path())
    except environments.EnvironmentFailed as error:
        record.end(run, State.FAILED, Reason.ENVIRONMENT_FAILED, str(error))
    except KeyboardInterrupt:
        record.end(run, State.CANCELLED, Reason.CANCELLED, "cancelled before training began")
        raise


def refresh(run: Path) -> RunState:
    return record.read_state(run)


def look(run: Path, *, patient: bool) -> RunState:
    return record.read_state(run)


def logs(run: Path, follow: bool) -> Iterator[str]:
    if follow:
        yield from record.follow_log(run)
    elif (run / "train.log").exists():
        with (run / "train.log").open(encoding="utf-8", errors="replace") as lines:
            yield from lines


def facts(run: Path) -> Mapping[str, object]:
    """A run on this machine has nothing to add."""
    return {}


def start(run: Path, *, pythons: Mapping[str, Path], attached: bool, package: Path) -> dict[str, object]:
    """Start the runner of a queued run in a session of its own, and wait until it holds the run; returns the handle.

    `attached`: the run ends with this process, and has failed if that was killed. `package` holds hf_recipes for the runner and
    for the steps of our own in other interpreters. A runner that cannot start is the end of the run: read its state.
    """
    command = [sys.executable, str(Path(runner.__file__).resolve()), str(run), "--package", str(package)]
    for name, python in pythons.items():
        command += ["--python", f"{name}={python}"]
    with (run / "runner.log").open("ab") as log:
        process = subprocess.Popen(
            command + ["--attached"] * attached,
            stdin=subprocess.PIPE if attached else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=run,
            env={**child_environment(os.environ), "PYTHONPATH": str(package)},
        )
    _runners[run] = process
    try:
        return _wait_for(run, process)
    except BaseException:  # mostly Ctrl-C: then the run is not wanted any more
        process.terminate()
        raise


def cancel(run: Path, *, wait: bool = True) -> RunState:
    """Stop a run and all that it has started; returns its state, the final one if `wait`. One that has ended stays as it is."""
    state = record.read_state(run)
    if state.state.finished:
        return state
    if state.state is State.QUEUED:
        ended = record.end(run, State.CANCELLED, Reason.CANCELLED, "cancelled before it began")
        if ended is not None:
            return ended
        state = _state_after(run, state)
    _signal(state, signal.SIGTERM)
    if not wait:
        return record.read_state(run)
    deadline = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < deadline:
        state = record.read_state(run)
        if state.state.finished and not alive(
            state.handle
        ):  # the final state is written before the process exits
            return state
        time.sleep(0.05)
    # The runner hangs. When killed, its guard ends its children, and we write the final state.
    _signal(state, signal.SIGKILL)
    while (
        ended := record.end(run, State.CANCELLED, Reason.CANCELLED, "cancelled; the runner had to be killed")
    ) is None:
        time.sleep(0.05)
    return ended


def _can_be_pushed(run: Path) -> bool:
    """Whether the model's repo may be written to, found out before hours are spent; if not, the run ends here."""
    from hf_recipes.hub.errors import HubFailed
    from hf_recipes.hub.publish.push import check_target

    try:
        check_target(run)
    except HubFailed as error:
        record.end(run, State.FAILED, Reason.START_FAILED, str(error))
        return False
    return True


def _wait_for(run: Path, process: subprocess.Popen[bytes]) -> dict[str, object]:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        died = process.poll() is not None
        state = read_json(run / "state.json")
        handle: dict[str, object] = state["handle"]
        if handle.get("pid") == process.pid or State(state["state"]).finished:
            return handle
        if died or time.monotonic() > deadline:
            process.kill()
            process.wait()
            record.end(run, State.FAILED, Reason.STEP_FAILED, f"the runner did not start{_last_words(run)}")
            return handle
        time.sleep(0.02)


def _last_words(run: Path) -> str:
    path = run / "runner.log"
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (f": {lines[-1].strip()}" if lines else "") + f"; log: {path}"


def _state_after(run: Path, state: RunState) -> RunState:
    """The state once the runner that has just taken the run says so."""
    deadline = time.monotonic() + SECONDS_TO_START
    while state.state is State.QUEUED and time.monotonic() < deadline:
        time.sleep(0.02)
        state = record.read_state(run)
    return state


def _signal(state: RunState, number: int) -> None:
    pid = state.handle.get("pid")
    if isinstance(pid, int) and alive(state.handle):
        kill(pid, number)
