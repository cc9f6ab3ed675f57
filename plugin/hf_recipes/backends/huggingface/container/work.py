"""The whole of a remote run, inside its container: fetch it, make its environments, let the runner do it, tell the truth.

The environment says which run (see backends/huggingface/container/start.py). What happens is printed, mirrored to the runs repo and, in a Space,
shown on its port. A Space pauses itself at the end, whatever the end was, so that it costs nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from hf_recipes import environments, record
from hf_recipes.backends.huggingface import runs_repo
from hf_recipes.backends.huggingface.container import awake, page
from hf_recipes.backends.huggingface.container.echo import Echo, RedactedStdout
from hf_recipes.backends.huggingface.container.mirroring import Mirroring
from hf_recipes.backends.huggingface.container.start import WAITS
from hf_recipes.backends.huggingface.container.stop import ContainerStop, ContainerStopped
from hf_recipes.backends.huggingface.mirror import Mirror
from hf_recipes.backends.huggingface.private_repo import commit
from hf_recipes.hub import account
from hf_recipes.hub.errors import HubFailed, clean, hub_errors, retrying
from hf_recipes.record.job import load_job
from hf_recipes.record.state import Reason, State
from hf_recipes.runner import run as runner
from hf_recipes.runner.causes import killed, short
from hf_recipes.runner.children import GRACE
from hf_recipes.runner.environment import child_environment
from hf_recipes.runner.files import read_json, update_state
from hf_recipes.runner.memory_kills import memory_kills

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LAST_WORD, LAST_WORD_STOPPED = 300.0, 20.0
"""Seconds for writing the end of the run to the Hub; the second when the container is about to be killed."""
NETWORK_TIMEOUT = 60.0
"""huggingface_hub itself would wait on a dead connection without end."""


def main() -> int:
    """0 when the run has succeeded."""
    output, stop = RedactedStdout(), ContainerStop()
    client = account.api()
    from huggingface_hub import get_session

    get_session().timeout = NETWORK_TIMEOUT
    run_id, repo = PurePath(os.environ["HF_RECIPES_RUN"]).name, os.environ["HF_RECIPES_RUNS_REPO"]
    succeeded = False
    try:
        succeeded = _run(run_id, repo, client, output, stop)
    except Exception as error:
        if not isinstance(error, (HubFailed, OSError)):
            output.line(traceback.format_exc())
        message = f"the run could not begin in its container: {short(str(error))}"
        output.say(message)
        _tell(run_id, repo, client, message, output)
    # Who told the container to end has paused the Space, or restarts it: a pause now would hit what comes next.
    if not stop.asked:
        _pause(client, output)
    return 0 if succeeded else 1


def _run(run_id: str, repo: str, client: HfApi, output: RedactedStdout, stop: ContainerStop) -> bool:
    run = environments.cache_dir() / "remote" / run_id
    shutil.rmtree(run, ignore_errors=True)
    _patiently(lambda: runs_repo.take(run_id, run, repo=repo, client=client), output)
    output.hide(load_job(run).secrets)
    state = record.read_state(run).state
    if state.finished:
        output.say(f"the run {run_id} has ended before: {state.value}")
        return state is State.SUCCEEDED
    work = _Work(run, output)
    mirroring = Mirroring(Mirror(run, repo, client), work.shown, output.say)
    mirroring.start()
    over = awake.keep_awake(os.environ)
    if "SPACE_ID" in os.environ:
        _show(work, output)
    try:
        with stop.raising():
            work.do(mirroring)
    except ContainerStopped:
        work.told_to_end()
    except Exception as error:
        output.line(traceback.format_exc())
        said = short(f"{type(error).__name__}: {error}")
        work.fail(Reason.STEP_FAILED, f"the container's work failed: {said}")
    over.set()
    end = work.shown()
    if end["state"] != State.CANCELLED.value:  # of which more is known outside than here
        output.say(f"{end['state']}{': ' + end['message'] if end['message'] else ''}")
    if mirroring.finish(LAST_WORD_STOPPED if stop.asked else LAST_WORD):
        shutil.rmtree(run, ignore_errors=True)
    return bool(end["state"] == State.SUCCEEDED.value)


def _tell(run_id: str, repo: str, client: HfApi, message: str, output: RedactedStdout) -> None:
    """Write the end of a run that has no folder here."""
    try:
        state = runs_repo.read_remote_state(run_id, repo=repo, client=client)
        if state is None or State(state["state"]).finished:
            return
        end = {
            **state,
            "state": State.FAILED.value,
            "reason": Reason.STEP_FAILED.value,
            "message": clean(message),
        }
        commit(
            client, repo, {f"{run_id}/state.json": json.dumps(end, indent=1).encode()}, f"{run_id}: failed"
        )
    except HubFailed as error:
        output.say(str(error))


def _patiently(fetch: Callable[[], None], output: RedactedStdout) -> None:
    """Waiting some minutes for the Hub is cheaper than losing the run. Raises HubFailed."""
    for wait in WAITS:
        try:
            return fetch()
        except HubFailed as error:
            if not error.transient:
                raise
            output.say(f"{error}; next try in {wait} s")
        time.sleep(wait)
    return fetch()


class _Work:
    """The run in this container, from the environments to the runner's end."""

    def __init__(self, run: Path, output: RedactedStdout) -> None:
        self._run, self._output = run, output
        self._runner: subprocess.Popen[bytes] | None = None
        self._kills_before = memory_kills()
        self._note = "the container has started"
        self._limit = float(os.environ.get("HF_RECIPES_TIME_LIMIT") or "inf")
        self._deadline = time.monotonic() + self._limit
        self._end: dict[str, Any] = {}

    def shown(self) -> dict[str, Any]:
        """The state as others should see it: before the runner takes over, what is being prepared."""
        # What has been decided counts, even if the disk is too full to hold it.
        state = read_json(self._run / "state.json") | self._end
        if state["state"] == State.QUEUED.value:
            state |= {"state": State.PREPARING.value, "stage": "prepare", "message": self._note}
        # Paths and processes of the container mean nothing elsewhere.
        return {**state, "message": str(state["message"]).partition("; log: ")[0], "handle": {}}

    def status(self) -> dict[str, Any]:
        state = self.shown()
        return {
            **{name: state.get(name) for name in ("id", "state", "stage", "reason", "message")},
            "metrics": record.run_metrics(self._run),
        }

    def do(self, mirroring: Mirroring) -> None:
        """To the end of the run, which is in its state then. Raises Stopped."""
        before = record.read_state(self._run)
        if before.state is State.RUNNING:
            self.fail(
                Reason.RUNNER_VANISHED,
                f"the container was restarted during {before.stage}; what it had trained is lost",
            )
            return
        # An earlier container that was still preparing has done nothing that counts.
        update_state(self._run, state=State.QUEUED.value, stage="prepare", message="", handle={})
        try:
            pythons = self._environments()
        except environments.EnvironmentFailed as error:
            self.fail(Reason.ENVIRONMENT_FAILED, str(error))
            return
        self._start(pythons)
        self._follow(mirroring)

    def fail(self, reason: Reason, message: str) -> None:
        self._end_runner()
        self._settle(State.FAILED, reason, message)

    def told_to_end(self) -> None:
        self._output.say("told to end")
        self._end_runner()
        self._settle(State.CANCELLED, Reason.CANCELLED, "the container was told to end")

    def _settle(self, state: State, reason: Reason, message: str) -> None:
        """The end, unless the runner has written one."""
        end = record.end(self._run, state, reason, message)
        if end is not None:
            self._end = {"state": end.state.value, "reason": end.reason, "message": end.message}

    def _environments(self) -> dict[str, Path]:
        needed = load_job(self._run).requirements
        pythons = {name: environments.ensure(name, say=self._say) for name in needed}
        for name, python in pythons.items():
            if why := environments.unusable(python):
                # It would train all the same, at a hundredth of the speed and at the GPU's price.
                raise environments.EnvironmentFailed(
                    f"the {name} environment cannot use the GPU of this machine: {why}"
                )
        return pythons

    def _say(self, text: str) -> None:
        self._note = text.strip()
        self._output.say(text)

    def _start(self, pythons: Mapping[str, Path]) -> None:
        package = str(environments.package_path())
        # Attached: should this process die, the runner ends the run.
        command = [sys.executable, str(Path(runner.__file__).resolve()), str(self._run), "--attached"]
        command += ["--package", package]
        for name, python in pythons.items():
            command += ["--python", f"{name}={python}"]
        with (self._run / "runner.log").open("ab") as log:
            self._runner = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._run,
                env={**_without_the_space(child_environment(os.environ)), "PYTHONPATH": package},
            )

    def _follow(self, mirroring: Mirroring) -> None:
        assert self._runner is not None
        echo = Echo(self._run, self._output)
        seen: tuple[object, object] = (None, None)
        while True:
            ended = self._runner.poll() is not None
            echo.look()
            state = read_json(self._run / "state.json")
            if (state["state"], state["stage"]) != seen:
                seen = (state["state"], state["stage"])
                mirroring.wake()
            if ended:
                break
            if time.monotonic() > self._deadline:
                self._too_late()
                return
            time.sleep(0.5)
        if not State(state["state"]).finished:
            self.fail(*self._why_gone(self._runner.returncode))

    def _too_late(self) -> None:
        message = f"it was stopped after its time limit of {self._limit / 3600:.3g} h"
        self._output.say(message)
        self.fail(Reason.CONTAINER_STOPPED, message)
        # The runner was told to end, and takes that for a cancelling.
        if self._end.get("state") == State.CANCELLED.value:
            self._end = {
                "state": State.FAILED.value,
                "reason": Reason.CONTAINER_STOPPED.value,
                "message": message,
            }

    def _why_gone(self, code: int) -> tuple[Reason, str]:
        if code == -signal.SIGKILL:
            reason, why = killed(self._kills_before, usual=Reason.RUNNER_VANISHED.value)
            return Reason(reason), f"the runner was {why.removeprefix('out of memory: ')}"
        said = (self._run / "runner.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return Reason.RUNNER_VANISHED, "the runner ended without a word" + (
            f": {short(said[-1])}" if said else ""
        )

    def _end_runner(self) -> None:
        """Let it end what it has started; it writes its own final state."""
        if self._runner is None or self._runner.poll() is not None:
            return
        self._runner.terminate()
        try:
            self._runner.wait(GRACE + 5.0)
        except subprocess.TimeoutExpired:
            self._runner.kill()
            self._runner.wait()


def _without_the_space(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what tells a trainer that it runs in a Space or endpoint: it might pause it, and we end it ourselves."""
    return {name: value for name, value in environment.items() if name not in ("SPACE_ID", "ENDPOINT_ID")}


def _show(work: _Work, output: RedactedStdout) -> None:
    try:
        page.serve_status_page(work.status, port=int(os.environ.get("PORT") or page.PORT))
    except (OSError, ValueError) as error:  # a page more or less is no reason to end a training
        output.say(f"no status page: {error}")


def _pause(client: HfApi, output: RedactedStdout) -> None:
    space = os.environ.get("SPACE_ID")
    if not space:
        return
    output.say(f"pausing {space}: from now on it costs nothing")
    try:
        with hub_errors(f"pausing the Space {space}"):
            retrying(lambda: client.pause_space(space))
    except HubFailed as error:
        output.say(f"{error}; pause it by hand: it goes on costing")


if __name__ == "__main__":
    sys.exit(main())
