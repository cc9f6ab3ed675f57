"""The runner: does the steps of one job, in order, and writes down the truth about them.

    python -m hf_recipes.runner.run RUN [--python SET=INTERPRETER …] [--package FOLDER] [--attached]

This folder needs the standard library of Python 3.10 and nothing else: it goes with a job, below an hf_recipes/__init__.py
and with PYTHONPATH set to what holds that, to wherever the job runs. RUN is the folder that hf_recipes.record makes.
The runner holds a lock on RUN/lock while it lives, so a run whose lock is free is not running.

Exit codes are not trusted: training has succeeded when the child's exit code is 0, its log holds no crash (a trainer may exit
with 0 after one) and whole weights have been written since the step began. And it leaves no process behind, whatever ends it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hf_recipes.runner.causes import Cause, StepFailed, short
from hf_recipes.runner.children import Children
from hf_recipes.runner.environment import child_environment
from hf_recipes.runner.files import FULL, read_job, read_json, take_lock
from hf_recipes.runner.folder import Folder, FolderGone
from hf_recipes.runner.journal import Journal
from hf_recipes.runner.output import Output
from hf_recipes.runner.processes import MARK, process_started
from hf_recipes.runner.promote import promote
from hf_recipes.runner.redaction import Redactor, hub_tokens
from hf_recipes.runner.stop import Abandoned, Stop, Stopped
from hf_recipes.runner.weights import check_weights, weight_stamps

OURS = ("core", "inference")
"""Requirement sets whose interpreters run steps of this package alone."""


class Runner:
    """Runs the steps of one run; its lock is held until this process ends."""

    def __init__(
        self, run: Path, job: Mapping[str, Any], pythons: Mapping[str, str], package: str | None, stop: Stop
    ) -> None:
        self._run, self._job, self._pythons, self._package, self._stop = run, job, pythons, package, stop
        self._redact = Redactor(job.get("secrets", ()), os.environ)
        self._tabular = "tabular" in str(job.get("task", ""))
        self._makes_weights = any(step.get("promote") for step in job["steps"])
        self._note = ""
        self._journal = Journal(run, self._redact)
        self._children = Children(run)
        self._folder = Folder(run)

    def work(self) -> int:
        """Do the job; returns the runner's exit code."""
        handle = {"pid": os.getpid(), "started": process_started(os.getpid())}
        self._journal.state(state="preparing", handle=handle)
        state, reason, message = self._outcome()
        self._stop.ignore()  # the verdict has been reached: let it be written
        with suppress(OSError):
            self._children.stop()
        with suppress(OSError):
            said = message.partition("; log: ")[0]
            self._journal.log(f"--- {state}" + (f": {said}" if said else ""))
        with suppress(FileNotFoundError):  # the folder may have been deleted
            self._journal.state(state=state, reason=reason, message=message)
        self._journal.close()
        self._children.dismiss_guard()
        return 0 if state == "succeeded" else 1

    def _outcome(self) -> tuple[str, str | None, str]:
        """Do the steps; returns the final state, its reason and a message."""
        try:
            (self._run / "work").mkdir(exist_ok=True)
            for step in self._job["steps"]:
                self._stop.wait((), 0)
                try:
                    self._step(step)
                except StepFailed as failure:
                    raise self._kept(failure, step) from failure
            if not any(step["name"] == "train" for step in self._job["steps"]):
                self._note = "nothing was trained: the base model was measured"
        except FolderGone as gone:
            self._journal.run = self._folder.now() or self._run
            return "failed", "step_failed", str(gone)
        except Abandoned as abandoned:
            return "failed", "runner_vanished", f"{abandoned}; log: {self._run / 'train.log'}"
        except Stopped as stopped:
            return "cancelled", "cancelled", str(stopped)
        except StepFailed as failure:
            return "failed", failure.reason, f"{failure}; log: {self._run / 'train.log'}"
        except Exception as error:
            sys.stderr.write(self._redact(traceback.format_exc()))
            log = self._run / "runner.log"
            if isinstance(error, OSError) and error.errno in FULL:
                return "failed", "disk_full", f"the disk is full; log: {log}"
            what = short(f"{type(error).__name__}: {error}")
            return "failed", "step_failed", f"the runner failed: {what}; log: {log}"
        return "succeeded", None, self._note

    def _kept(self, failure: StepFailed, failed: Mapping[str, Any]) -> StepFailed:
        """A model that could not be measured is pushed all the same from a machine that forgets it. Raises Stopped."""
        push = next((step for step in self._job["steps"] if step["name"] == "push"), None)
        here = self._job.get("here", True)
        if failed["stage"] != "evaluate" or push is None or here:
            return failure
        try:
            self._step(push)
        except StepFailed as second:
            return StepFailed(failure.reason, f"{failure}; the model is lost: {second}")
        finally:
            self._journal.state(state="running", stage=failed["stage"])
        return StepFailed(failure.reason, f"{failure}; the model was pushed all the same")

    def _step(self, step: Mapping[str, Any]) -> None:
        self._stop.stage = stage = step["stage"]
        self._journal.state(state="preparing" if stage == "prepare" else "running", stage=stage)
        trains = step["name"] == "train"
        trained = self._run / "work" / self._job["project_name"]
        before = weight_stamps(trained)
        failure = self._run / "work" / "failure.json"
        failure.unlink(missing_ok=True)
        output = Output(self._journal, stage, trains=trains)
        code = self._execute(step, failure, output)
        if code or (trains and output.cause.crashed):
            raise self._why(step, code, failure, output.cause)
        if trains and self._makes_weights:
            try:
                self._note = check_weights(trained, before, tabular=self._tabular)
            except StepFailed as problem:
                if self._journal.disk_full:
                    raise StepFailed("disk_full", "train: the disk is full") from problem
                raise
        if step.get("promote"):
            promote(self._run, self._run / step["promote"], self._redact, tabular=self._tabular)

    def _why(self, step: Mapping[str, Any], code: int, failure: Path, cause: Cause) -> StepFailed:
        with suppress(OSError, ValueError, KeyError):
            said = read_json(failure)
            return StepFailed(str(said["reason"]), short(str(said["message"])).rstrip("."))
        usual = {"train": "trainer_failed", "verify": "weights_invalid"}.get(step["name"])
        usual = usual or ("evaluation_failed" if step["stage"] == "evaluate" else "step_failed")
        reason, sentence = cause.explain(code, usual=usual, disk_full=self._journal.disk_full)
        return StepFailed(reason, f"{step['name']}: {sentence}")

    def _execute(self, step: Mapping[str, Any], failure: Path, output: Output) -> int:
        """Run one child to its end, reading what it prints; returns its exit code. Raises StepFailed, Stopped."""
        python = self._python(step["requirements"])
        arguments = [self._fill(part, python) for part in step["argv"]]
        self._journal.log(f"--- {step['name']}: {short(' '.join(arguments))}")
        try:
            child = self._children.start(arguments, self._environment(step, python, failure))
        except OSError as error:
            raise StepFailed(
                "step_failed", f"{step['name']}: {arguments[0]} cannot be started ({error.strerror})"
            ) from error
        try:
            self._read(child, output)
            self._children.stop(grace=2.0)
            return child.wait()
        finally:
            self._children.finish()

    def _python(self, requirements: str) -> str:
        if requirements in self._pythons:
            return self._pythons[requirements]
        if requirements == "core":
            return sys.executable
        raise StepFailed(
            "environment_failed", f"no interpreter was given for the requirement set {requirements}"
        )

    def _fill(self, text: str, python: str) -> str:
        return text.replace("{python}", python).replace("{run}", str(self._run))

    def _environment(self, step: Mapping[str, Any], python: str, failure: Path) -> dict[str, str]:
        # An interpreter of another set must not find this one's packages.
        environment = child_environment(os.environ)
        environment["PATH"] = os.pathsep.join([str(Path(python).parent), environment.get("PATH", os.defpath)])
        if self._package and _runs_ours(step):
            environment["PYTHONPATH"] = self._package
        named = [name for name in hub_tokens(self._job.get("secrets", ())) if os.environ.get(name)]
        if named and "HF_TOKEN" not in named:
            environment["HF_TOKEN"] = os.environ[named[0]]
        environment["PYTHONUNBUFFERED"] = "1"
        environment["HF_RECIPES_FAILURE"] = str(failure)
        environment.update(
            {name: self._fill(value, python) for name, value in (step.get("env") or {}).items()}
        )
        environment[MARK] = str(self._run)
        return environment

    def _read(self, child: subprocess.Popen[bytes], output: Output) -> None:
        """Until the child has ended. Raises Stopped."""
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        os.set_blocking(pipe, False)
        ended: float | None = None
        while True:
            ready = self._stop.wait([pipe], 0.5 if ended is None else 0.0)
            self._folder.check(self._stop.stage)
            if pipe in ready and (ended is None or time.monotonic() < ended + 2.0):
                data = os.read(pipe, 65_536)
                output.feed(data, last=not data)
                if not data:
                    break  # every process that could print is gone
            elif ended is not None:
                output.feed(b"", last=True)
                break  # what still holds the pipe is about to be stopped
            else:
                output.look_ahead()
            if ended is None and child.poll() is not None:
                ended = time.monotonic()
        while child.poll() is None:  # it has closed its output and works on
            self._stop.wait((), 0.5)
            self._folder.check(self._stop.stage)
        output.close()


def _runs_ours(step: Mapping[str, Any]) -> bool:
    """Whether the step is a program of this package, as it is of an engine whose trainer we start from Python."""
    return step["requirements"] in OURS or any(word.startswith("hf_recipes.") for word in step["argv"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Do the steps of one job.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="SET=INTERPRETER")
    parser.add_argument("--package", help="a folder that holds hf_recipes, for the steps of our own")
    parser.add_argument("--attached", action="store_true", help="end the run when stdin does")
    arguments = parser.parse_args()
    run = arguments.run.resolve()
    pythons = dict(pair.split("=", 1) for pair in arguments.python)
    job = read_job(run)
    stop = Stop(attached=arguments.attached)
    if take_lock(run, wait=30) is None:
        sys.stderr.write("another runner holds this run\n")
        return 2
    if read_json(run / "state.json").get("state") != "queued":
        sys.stderr.write("this run is not queued any more\n")
        return 2
    return Runner(run, job, pythons, arguments.package, stop).work()


if __name__ == "__main__":
    sys.exit(main())
