"""What goes wrong around a run on a Space: the state and the sentence that it ends in, here and from elsewhere."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.space_runs import end_of, push_weights, silent, spaces, tell
from hf_recipes import record
from hf_recipes.api import lifecycle
from hf_recipes.backends.huggingface import monitor, runs_repo, submit
from hf_recipes.hub.errors import HubFailed
from hf_recipes.record.state import State
from hf_recipes.runner.files import read_json, take_lock


def there(hub: Any, run: Path) -> dict[str, Any]:
    """The state in the runs repo."""
    found: dict[str, Any] = json.loads(hub.read("dataset", "ada/hf-recipes-runs", f"{run.name}/state.json"))
    return found


@pytest.fixture
def laptop(tmp_path: Path) -> Callable[[Path], Path]:
    """laptop(run) → the run as it is found from another folder, by its id alone."""

    def go(run: Path) -> Path:
        folder = tmp_path / "laptop" / "runs"
        return lifecycle.find(run.name, folder)

    return go


@pytest.mark.parametrize(
    ("what", "gated", "words"),
    [
        ("model", True, "looking at the base model bob/closed: access is granted on request; ask for it"),
        ("dataset", True, "looking at the data bob/closed: access is granted on request; ask for it"),
        ("model", False, "looking at the base model bob/closed: there is nothing of that name on the Hub"),
        ("dataset", False, "looking at the data bob/closed: there is nothing of that name on the Hub"),
    ],
)
def test_a_base_or_data_that_cannot_be_read_is_told_before_anything_is_made(
    new_run: Any, logged_in: Any, what: str, gated: bool, words: str
) -> None:
    if gated:
        logged_in.put(what, "bob/closed", {"config.json": b"{}"}, gated="manual")
    run = new_run()
    job = read_json(run / "job.json")
    if what == "model":
        job["base_model"] = "bob/closed"
    else:
        job["data"]["path"] = "bob/closed"
    (run / "job.json").write_text(json.dumps(job))
    submit.begin(run, say=silent)
    state = record.read_state(run)
    assert (state.state, state.reason) == (State.FAILED, "start_failed")
    assert state.message.startswith(words) and "\n" not in state.message
    assert spaces(logged_in) == [] and ("dataset", "ada/hf-recipes-runs") not in logged_in.state.repos


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"lost": True}, {}], ids=str)
def test_a_creation_that_fails_in_passing_makes_one_whole_space(
    new_run: Any, logged_in: Any, fault: dict[str, Any]
) -> None:
    logged_in.builds_hang = True
    logged_in.state.create("dataset", "ada/hf-recipes-runs", private=True)
    met = logged_in.fail("POST", "/api/repos/create", **fault)
    run = new_run()
    submit.begin(run, say=silent)
    assert not record.read_state(run).state.finished and met.times == 0
    (space,) = spaces(logged_in)
    made = logged_in.space(space)
    assert list(made.secrets) == ["HF_TOKEN"] and (made.requested, made.sleep_time) == ("t4-small", 3600)


def test_an_upload_that_is_cut_is_sent_again(new_run: Any, logged_in: Any) -> None:
    logged_in.builds_hang = True
    met = logged_in.fail("POST", r"/api/spaces/.*/commit/main", after_bytes=200)
    run = new_run()
    submit.begin(run, say=silent)
    assert not record.read_state(run).state.finished and met.times == 0
    (space,) = spaces(logged_in)
    assert {"Dockerfile", "README.md", "start.py"} <= set(logged_in.repo("space", space).files)


def test_no_container_is_made_that_this_folder_could_not_find_again(new_run: Any, logged_in: Any) -> None:
    run = new_run()
    lock = take_lock(run)  # as if no disk took what is written
    assert lock is not None
    with pytest.raises(OSError, match="cannot be written"):
        submit.begin(run, say=silent)
    os.close(lock)
    assert spaces(logged_in) == [] and ("dataset", "ada/hf-recipes-runs") not in logged_in.state.repos


def test_a_bug_while_it_is_sent_is_a_failure_and_nobodys_cancelling(new_run: Any, logged_in: Any) -> None:
    run = new_run()

    def full(text: str) -> None:
        if text.startswith("making"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        submit.begin(run, say=full)
    state = record.read_state(run)
    assert (state.state, state.reason) == (State.FAILED, "start_failed")
    assert "No space left on device" in state.message and spaces(logged_in) == []
    assert there(logged_in, run)["state"] == "failed"


def test_what_a_start_could_not_remove_is_named_beside_the_cause(new_run: Any, logged_in: Any) -> None:
    logged_in.builds_hang = True
    logged_in.fail("POST", "/api/spaces/.*/commit/main", 400)
    logged_in.fail("DELETE", "/api/repos/delete", 403, times=9)
    run = new_run()
    submit.begin(run, say=silent)
    (space,) = spaces(logged_in)
    state = record.read_state(run)
    assert (state.state, state.reason) == (State.FAILED, "start_failed")
    assert f"uploading to the Space {space}: " in state.message
    assert f"; deleting the Space {space}: your token may not do this" in state.message


def test_what_stays_of_a_start_that_somebody_cancels_is_said(new_run: Any, logged_in: Any) -> None:
    logged_in.builds_hang = True
    run = new_run()
    said: list[str] = []

    def cancelled(text: str) -> None:
        said.append(text)
        if text.startswith("making"):
            record.end(run, State.CANCELLED, record.Reason.CANCELLED, "cancelled")
            logged_in.fail("DELETE", "/api/repos/delete", 403, times=9)

    submit.begin(run, say=cancelled)
    (space,) = spaces(logged_in)
    assert record.read_state(run).state is State.CANCELLED
    assert said[-1].startswith(f"deleting the Space {space}: your token may not do this")


def test_what_still_costs_has_not_ended(started: Any, logged_in: Any, monkeypatch: Any) -> None:
    run, space = started()
    push_weights(logged_in, run)
    tell(logged_in, run, state="succeeded", stage="push")
    space.steer("RUNNING")
    logged_in.fail("POST", "/pause", 503, times=5, headers={"Retry-After": "0"})
    with pytest.raises(HubFailed, match="problem of its own"):
        monitor.refresh(run)
    state = record.read_state(run)
    assert not state.state.finished and f"the Space {space.id} may go on costing" in state.message
    assert monitor.facts(run)["where"] == f"the Space {space.id}"
    state = monitor.refresh(run)
    assert state.state is State.SUCCEEDED and space.stage == "PAUSED"


@pytest.mark.parametrize(
    ("stage", "reason", "words"),
    [
        ("RUNTIME_ERROR", "container_failed", "Exit code: 137"),
        ("SLEEPING", "container_stopped", "fell asleep"),
        ("BUILDING", "build_failed", "still at BUILDING"),
    ],
)
def test_every_folder_is_told_the_same_end(
    started: Any, laptop: Any, logged_in: Any, stage: str, reason: str, words: str
) -> None:
    """Whoever looks first pauses the Space: to the next one it must not look as if its owner had."""
    run, space = started()
    if stage == "BUILDING":
        space.repo.created_at = "2020" + space.repo.created_at[4:]
    else:
        tell(logged_in, run, state="running", stage="train")
        space.steer(stage, "Exit code: 137" if stage == "RUNTIME_ERROR" else None)
    first = monitor.refresh(run)
    assert (first.state, first.reason) == (State.FAILED, reason) and words in first.message
    assert space.stage == "PAUSED"
    second = monitor.refresh(laptop(run))
    assert (second.state, second.reason, second.message) == (first.state, first.reason, first.message)


def test_a_disk_that_takes_no_log_here_lets_nothing_go_on_costing(started: Any, logged_in: Any) -> None:
    run, space = started()
    tell(logged_in, run, state="running", stage="train")
    logged_in.put("dataset", "ada/hf-recipes-runs", {f"{run.name}/train.log": b"step 1\n"})
    (run / "train.log").mkdir()  # no file can take its place
    space.steer("RUNTIME_ERROR", "Exit code: 137")
    state = monitor.refresh(run)
    assert (state.state, state.reason) == (State.FAILED, "container_failed")
    assert space.stage == "PAUSED"


def test_cancelling_takes_nothing_from_the_log_that_the_container_wrote(started: Any, logged_in: Any) -> None:
    run, _ = started()
    (run / "train.log").write_text("step 1\n")  # brought at the last look
    logged_in.put("dataset", "ada/hf-recipes-runs", {f"{run.name}/train.log": b"step 1\nstep 2\n"})
    monitor.cancel(run)
    assert there(logged_in, run)["state"] == "cancelled"
    log = logged_in.read("dataset", "ada/hf-recipes-runs", f"{run.name}/train.log")
    assert log == b"step 1\nstep 2\n"


def test_what_the_run_says_of_its_own_end_stays(started: Any, logged_in: Any) -> None:
    run, space = started()
    tell(logged_in, run, state="failed", stage="train", reason="out_of_memory", message="CUDA out of memory")
    space.steer("PAUSED")
    assert monitor.refresh(run).reason == "out_of_memory"
    monitor.tell(run, record.read_state(run).handle, monitor.client_of(run))
    assert there(logged_in, run)["message"] == "CUDA out of memory"


@pytest.mark.parametrize("train", ["works", "crashes"])
def test_with_the_laptop_closed_all_the_time_the_end_is_told_elsewhere(
    started: Any, laptop: Any, logged_in: Any, train: str
) -> None:
    """A real container, and nobody looks until it has stopped: then somebody does, from another folder."""
    code = {} if train == "works" else {"train": "raise ValueError('no such column: text')"}
    run, space = started(builds=True, **code)
    kept = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert space.wait("PAUSED", seconds=90) == "PAUSED"
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == kept, "nobody has looked"
    found = laptop(run)
    assert found != run
    state, reason, message = end_of(found)
    if train == "works":
        assert (state, reason) == (State.SUCCEEDED, None) and "trained" in (found / "train.log").read_text()
    else:
        assert (state, reason) == (State.FAILED, "trainer_failed")
        assert "ValueError: no such column: text" in message
    assert end_of(run) == (state, reason, message), "and so it is in the folder where it was started"


@pytest.fixture
def training(started: Any) -> Callable[[], tuple[Path, Any]]:
    """training() → a run whose container trains and trains, and its Space."""

    def go() -> tuple[Path, Any]:
        run, space = started(builds=True, train="print('step 17', flush=True); time.sleep(600)")
        wait_for(lambda: "step 17" in space.run_log.text)
        return run, space

    return go


@pytest.mark.parametrize(
    ("stage", "words"),
    [("PAUSED", "paused, by its owner or the Hub"), ("SLEEPING", "fell asleep"), ("STOPPED", "was stopped")],
)
def test_a_container_that_is_told_to_end_is_told_as_what_the_hub_did_to_it_and_not_as_cancelled(
    training: Any, laptop: Any, logged_in: Any, stage: str, words: str
) -> None:
    """It has the time for a last word, and does not know who has stopped it, or why."""
    run, space = training()
    space.steer(stage)
    wait_for(lambda: not logged_in.machines.containers[-1].alive)
    for folder in (run, laptop(run)):
        state, reason, message = end_of(folder)
        assert (state, reason) == (State.FAILED, "container_stopped") and words in message
        assert message.endswith("the log ends with: step 17")
        assert "step 17" in (folder / "train.log").read_text()
    assert space.stage == "PAUSED", "no visit starts it again"


def test_a_space_that_is_started_again_after_its_end_was_told_trains_nothing(
    started: Any, logged_in: Any
) -> None:
    run, space = started()
    tell(logged_in, run, state="preparing", stage="prepare")
    space.steer("PAUSED")
    assert monitor.refresh(run).state is State.FAILED
    logged_in.builds_hang = False
    space.start()
    wait_for(lambda: "has ended before: failed" in space.run_log.text)
    assert space.wait("PAUSED") and "trained" not in space.run_log.text


def test_a_cancelled_run_is_told_as_such_everywhere_whatever_its_container_says_last(
    training: Any, laptop: Any, logged_in: Any
) -> None:
    run, _ = training()
    monitor.cancel(run)
    wait_for(lambda: not logged_in.machines.containers[-1].alive)
    assert there(logged_in, run)["state"] == "cancelled"
    for folder in (run, laptop(run)):
        state, _, message = end_of(folder)
        assert state is State.CANCELLED and "costs nothing from now on" in message


@pytest.fixture
def never_made(new_run: Any, logged_in: Any) -> Path:
    """A run that was published by a process that was killed before it made the Space."""
    run: Path = new_run()
    handle = {"space": f"ada/{run.name}", "runs": "ada/hf-recipes-runs", "model": "ada/tiny", "hardware": "t4-small", "per_hour": 0.4, "hours": 1.0}  # fmt: skip
    runs_repo.publish_run(run, handle)
    return run


@pytest.mark.parametrize("year", ["1999", "2999"], ids=["behind", "ahead"])
def test_a_run_whose_space_was_never_made_is_judged_by_the_hubs_clock_alone(
    never_made: Path, laptop: Any, logged_in: Any, year: str
) -> None:
    """The machine that started it may have any year."""
    state = json.loads((never_made / "state.json").read_text())
    there = {**state, "created": year + state["created"][4:]}
    logged_in.put("dataset", "ada/hf-recipes-runs", {f"{never_made.name}/state.json": json.dumps(there).encode()})  # fmt: skip
    found = laptop(never_made)
    assert record.read_state(found).created.startswith(year)
    assert monitor.refresh(found).state is State.QUEUED, "somebody may be just making it"
    repo = logged_in.repo("dataset", "ada/hf-recipes-runs")
    for id, commit in repo.commits.items():
        repo.commits[id] = dataclasses.replace(commit, date="2020" + commit.date[4:])
    ended = monitor.refresh(found)
    assert (ended.state, ended.reason) == (State.FAILED, "container_stopped")


def test_a_run_that_works_and_whose_space_is_deleted_has_ended_however_young_it_is(
    never_made: Path, laptop: Any, logged_in: Any
) -> None:
    tell(logged_in, never_made, state="running", stage="train")
    assert monitor.refresh(laptop(never_made)).reason == "container_stopped"


def test_a_run_that_is_published_can_be_looked_up_with_its_handle_at_once(
    started: Any, logged_in: Any
) -> None:
    """From the first commit on: a run without a handle would be told as one that nobody starts."""
    run, _ = started()
    repo = logged_in.repo("dataset", "ada/hf-recipes-runs")
    with_run = [one for one in repo.history() if f"{run.name}/state.json" in one.files]
    assert all(f"{run.name}/handle.json" in one.files for one in with_run)


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def test_a_token_that_is_no_longer_valid_loses_nothing(
    started: Any, logged_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, space = started()
    tell(logged_in, run, state="running", stage="train")
    space.steer("RUNNING")
    good = logged_in.token
    monkeypatch.setenv("HF_TOKEN", "hf" + "_" + "revoked" * 5)
    for ask in (monitor.refresh, monitor.look, monitor.cancel):
        with pytest.raises(HubFailed, match="does not accept your token"):
            ask(run)
    assert not record.read_state(run).state.finished and space.stage == "RUNNING"
    monkeypatch.setenv("HF_TOKEN", good)
    assert monitor.refresh(run).stage == "train"


def test_the_log_of_a_space_that_has_stopped_comes_whole_through_a_broken_connection(
    started: Any, logged_in: Any
) -> None:
    run, space = started()
    for number in range(6):
        space.run_log.write(f"line {number}\n")
    space.steer("PAUSED")
    met = logged_in.fail("GET", "/logs/run", after_bytes=120, times=2)
    assert list(monitor.logs(run, True)) == [f"line {number}\n" for number in range(6)]
    assert met.times == 0
