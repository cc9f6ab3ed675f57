"""Several runs of one call: of several recipes, or of one recipe's matrix.

Runs on this machine share its cores, so they wait for one another; runs elsewhere begin at once. Every run is recorded before
the first begins. With `detached`, a process of its own sees to those that wait: `python -m hf_recipes.api.batch RUN…`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hf_recipes import record
from hf_recipes.api import lifecycle
from hf_recipes.api.checked import CheckedRecipe, check_recipes
from hf_recipes.api.recipes import load_recipes
from hf_recipes.backends import local
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.estimates.prices import Cost
from hf_recipes.hub.errors import HubFailed
from hf_recipes.recipe import problem_at
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.recipe.pushing import push_problems
from hf_recipes.record.state import RunState, State
from hf_recipes.runner.files import take_lock, update_state
from hf_recipes.runner.processes import process_started

SECONDS = 0.25
"""Between two looks at runs on this machine."""
SECONDS_REMOTE = 10.0
"""Between two looks at a run elsewhere."""
READY = b"ready\n"


@dataclass(frozen=True)
class Look:
    """One run as it stands, with the last that it has told."""

    run: Path
    state: RunState
    event: Mapping[str, object] | None = None
    error: HubFailed | None = None
    """Why its state is unknown; it is not polled again."""

    @property
    def over(self) -> bool:
        return self.state.state.finished or self.error is not None


def recipes(paths: Sequence[Path], settings: Sequence[str] = (), *, push: bool = False) -> list[Recipe]:
    """Every recipe in the files, matrices unfolded. Raises RecipeError with every problem of all.

    `push`: their models go to the account that is logged in, or to the recipe's `hub.username`.
    """
    found: list[Recipe] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            found += load_recipes(path, settings=settings)
        except RecipeError as error:
            problems += error.problems
    if push:
        problems += [problem for recipe in found for problem in push_problems(recipe)]
    if problems:
        raise RecipeError(problems)
    return [replace(recipe, hub=replace(recipe.hub, push_to_hub=True)) for recipe in found] if push else found


def check_batch(recipes: Sequence[Recipe]) -> list[CheckedRecipe]:
    """Raises RecipeError with what keeps any of them from running, alone or beside the others."""
    checked = check_recipes(recipes, to_run=True)
    same = list(_same_repo(recipes))
    if same:
        raise RecipeError(same)
    return checked


def create_runs(
    checked: Sequence[CheckedRecipe], *, runs_dir: Path, costs: Sequence[Cost | None] = ()
) -> list[Path]:
    """Record a run of each, waiting."""
    return [
        lifecycle.create_run(recipe, runs_dir=runs_dir, cost=cost)
        for recipe, cost in zip(checked, costs or [None] * len(checked), strict=True)
    ]


def _same_repo(made: Sequence[Recipe]) -> Iterator[Problem]:
    """A pushed model has the project's name: two runs would overwrite one another."""
    first: dict[tuple[str | None, str], Recipe] = {}
    for recipe in made:
        if runs_here(recipe.backend) and not recipe.hub.push_to_hub:
            continue
        other = first.setdefault((recipe.hub.username, recipe.project_name.lower()), recipe)
        if other is not recipe:
            message, hint = f"{other.file} has the same, so their models would share a repo", "rename one"
            yield problem_at(recipe, "project_name", "same-name", message, hint)


def watch(runs: Sequence[Path], *, say: lifecycle.Say) -> Iterator[list[Look]]:
    """Begin the runs in their turn and look at all of them again and again, until all have ended.

    Runs on this machine end with this process.
    """
    looks = [_Watched(run) for run in runs]
    for run in _elsewhere(runs):
        lifecycle.begin(run, attached=True, say=say)
    queue = _here(runs)
    while True:
        while queue and record.read_state(queue[0]).state.finished:
            queue.pop(0)  # also one that was cancelled while it waited
        if queue and record.read_state(queue[0]).state is State.QUEUED:
            lifecycle.begin(queue[0], attached=True, say=say)
        found = [look.look() for look in looks]
        yield found
        if all(look.over for look in found):
            return
        time.sleep(SECONDS)


def stop(runs: Sequence[Path]) -> list[Path]:
    """Ctrl-C: what runs or waits on this machine is cancelled; returns the runs elsewhere, which go on."""
    for run in reversed(_here(runs)):  # those that wait first, so that none of them begins
        local.cancel(run)
    elsewhere = []
    for run in _elsewhere(runs):
        state = record.read_state(run)
        if state.state is State.QUEUED and "runs" not in state.handle:
            record.end(run, State.CANCELLED, record.Reason.CANCELLED, "cancelled before it began")
        elif not state.state.finished:
            elsewhere.append(run)
    return elsewhere


def detach(runs: Sequence[Path], *, say: lifecycle.Say) -> None:
    """Begin what is elsewhere, and leave the rest to a process that outlives this one."""
    for run in _elsewhere(runs):
        lifecycle.begin(run, attached=False, say=say)
    here = _here(runs)
    if not here:
        return
    with (here[0] / "queue.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "hf_recipes.api.batch", *map(str, here)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    assert keeper.stdout is not None
    if keeper.stdout.readline() != READY:  # until then the runs depend on this process
        for run in here:
            record.end(
                run, State.FAILED, record.Reason.STEP_FAILED, f"it could not be left to wait; log: {log.name}"
            )


def failed(runs: Sequence[Path]) -> bool:
    """Whether any has not succeeded, or does not meet a bound of its recipe."""
    return any(
        record.read_state(run).state is not State.SUCCEEDED or lifecycle.gate_unmet(run) for run in runs
    )


def _here(runs: Sequence[Path]) -> list[Path]:
    return [run for run in runs if runs_here(record.read_state(run).backend)]


def _elsewhere(runs: Sequence[Path]) -> list[Path]:
    return [run for run in runs if not runs_here(record.read_state(run).backend)]


class _Watched:
    """A run and what was last seen of it: an ended one is not looked at again, one elsewhere seldom."""

    def __init__(self, run: Path) -> None:
        self._last = Look(run, record.read_state(run))
        self._due, self._size = 0.0, 0

    def look(self) -> Look:
        last = self._last
        if last.over or time.monotonic() < self._due:
            return last
        try:
            state = lifecycle.look(last.run)
        except HubFailed as error:  # what passes by itself has been passed over
            self._last = replace(last, error=error)
            return self._last
        if not runs_here(state.backend):
            self._due = time.monotonic() + SECONDS_REMOTE
        self._last = replace(last, state=state, event=self._event() or last.event)
        return self._last

    def _event(self) -> Mapping[str, object] | None:
        """The newest, when there is one since the last look."""
        file = self._last.run / "events.jsonl"
        size = file.stat().st_size if file.exists() else 0
        if size == self._size:
            return None
        self._size = size
        return record.last_event(self._last.run)


def main(runs: Sequence[Path]) -> None:
    """See to runs that wait for one another, from a process of its own."""
    handle = {"creator": os.getpid(), "started": process_started(os.getpid())}
    for run in runs:
        lock = take_lock(run, wait=10)
        update_state(run, handle=handle)
        if lock is not None:
            os.close(lock)
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    for run in runs:
        if record.read_state(run).state is not State.QUEUED:
            continue
        lifecycle.begin(run, attached=False, say=say)
        for _ in record.watch(run):
            pass


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])
