"""A Space as a backend, against the stand-in Hub: what is made, what it comes to, and that nothing goes on costing."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.space_runs import TRAIN, end_of, push_weights, silent, spaces, tell
from hf_recipes import record
from hf_recipes.backends.huggingface import image, monitor, submit
from hf_recipes.record.state import State


def test_the_space_is_private_and_told_what_it_needs_and_sleeps_within_the_hour(
    started: Any, logged_in: Any
) -> None:
    run, space = started()
    assert space.repo.private and space.repo.id == f"ada/{run.name}"
    assert (space.requested, space.sleep_time) == ("t4-small", 3600)
    assert {name: each["value"] for name, each in space.secrets.items()} == {"HF_TOKEN": logged_in.token}
    variables = {name: each["value"] for name, each in space.variables.items()}
    assert (
        variables["HF_RECIPES_RUNS_REPO"] == "ada/hf-recipes-runs" and variables["HF_RECIPES_RUN"] == run.name
    )
    assert variables["HF_RECIPES_TIME_LIMIT"] == str(7 * 24 * 3600), "there is no estimate"
    assert variables["HF_RECIPES_PACKAGE"] in logged_in.repo("dataset", "ada/hf-recipes-runs").files
    card = space.card()
    assert (card["sdk"], card["app_port"], card["tags"]) == ("docker", 7860, ["hf-recipes"])
    assert len(space.repo.history()) == 2, "one commit beside the Hub's own: each one begins a build"
    state = record.read_state(run)
    assert (state.handle["hardware"], state.handle["model"]) == ("t4-small", "ada/tiny")
    # As a secret, and in no file, no other request and nothing on disk.
    assert all("/api/repos/create" in place for place in logged_in.where(logged_in.token))
    texts = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    assert not any(logged_in.token.encode() in text for text in texts)


def test_local_data_goes_up_once_and_the_next_run_says_that_it_is_there(
    new_run: Any, logged_in: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    logged_in.builds_hang = True

    def written(module: str, request: Any, say: Any, folder: str) -> dict[str, Any]:
        (Path(folder) / "train.jsonl").write_text("a row of mine")
        return {"sha": "ab" * 32, "splits": {"train": "train", "validation": None, "test": None}}

    monkeypatch.setattr(submit, "ask_inference", written)
    repo, said = "ada/hf-recipes-data-abababababab", []
    for _ in range(2):
        run = new_run()
        job = json.loads((run / "job.json").read_text())
        job["data"] |= {"path": str(tmp_path), "local": True}
        (run / "job.json").write_text(json.dumps(job))
        submit.begin(run, say=said.append)
        assert json.loads((run / "job.json").read_text())["data"]["path"] == repo
    assert [line for line in said if repo in line] == [
        f"uploading the data to {repo}",
        f"the data is in {repo} already",
    ]
    assert logged_in.repo("dataset", repo).private and len(logged_in.repo("dataset", repo).history()) == 2


def test_free_hardware_is_not_asked_for_since_it_cannot_be_and_has_no_sleep_time(
    started: Any, logged_in: Any
) -> None:
    run, _ = started(backend="spaces-cpu-basic")
    (asked,) = [
        json.loads(one.body)
        for one in logged_in.requests
        if one.path == "/api/repos/create" and b"docker" in one.body
    ]
    assert "hardware" not in asked and "sleepTimeSeconds" not in asked
    assert monitor.facts(run)["hardware"] == "cpu-basic"


def test_the_image_installs_the_packages_of_start_py_and_runs_as_the_hub_asks() -> None:
    text = image.dockerfile()
    pinned = image.packages()
    names = {re.split("[=<>;]", each)[0] for each in pinned}
    project = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    block = project.split("\ndependencies = [")[1].split("]")[0]
    assert names == {re.split("[=<>]", each)[0] for each in re.findall(r'"([^"]+)"', block)}
    assert all("==" in each for each in pinned)
    assert text.index("USER 1000") < text.index("COPY") and 'CMD ["python", "start.py"]' in text
    assert "FROM huggingface/autotrain-advanced" in text
    front = yaml.safe_load(image.README.format(run='"a: b"').split("---")[1])
    assert front["title"] == "a: b" and len(front["short_description"]) <= 60


def test_a_run_in_a_real_container_succeeds_and_its_space_costs_nothing_afterwards(
    started: Any, logged_in: Any
) -> None:
    run, space = started(builds=True)
    assert end_of(run) == (State.SUCCEEDED, None, "")
    assert space.stage == "PAUSED"
    assert "trained" in (run / "train.log").read_text()
    assert record.read_state(run).stage == "push"
    assert "".join(monitor.logs(run, False))
    assert monitor.facts(run)["per_hour"] == 0.0


def test_an_exception_in_the_container_is_told_as_one(started: Any) -> None:
    run, space = started(builds=True, train="raise ValueError('no such column: text')")
    state, reason, message = end_of(run)
    assert (state, reason) == (State.FAILED, "trainer_failed")
    assert "ValueError: no such column: text" in message
    assert space.wait("PAUSED")


@pytest.mark.parametrize(
    ("stage", "said", "reason", "words", "then"),
    [
        ("BUILD_ERROR", "no space on the builder", "build_failed", "could not be built", "BUILD_ERROR"),
        ("CONFIG_ERROR", None, "build_failed", "configuration", "CONFIG_ERROR"),
        ("RUNTIME_ERROR", "Exit code: 137", "container_failed", "Exit code: 137", "PAUSED"),
        ("PAUSED", None, "container_stopped", "paused, by its owner or the Hub", "PAUSED"),
        ("SLEEPING", None, "container_stopped", "fell asleep", "PAUSED"),
        ("STOPPED", None, "container_stopped", "stopped", "PAUSED"),
    ],
)
def test_a_space_that_stops_without_the_model_has_failed_and_no_visit_starts_it_again(
    started: Any, logged_in: Any, stage: str, said: str | None, reason: str, words: str, then: str
) -> None:
    run, space = started()
    tell(logged_in, run, state="running", stage="train")
    space.steer("RUNNING")
    assert monitor.refresh(run).state is State.RUNNING
    (space.build_log if stage == "BUILD_ERROR" else space.run_log).write("OSError: the reason\n")
    space.steer(stage, said)
    state = monitor.refresh(run)
    assert (state.state, state.reason) == (State.FAILED, reason)
    assert words in state.message and "OSError: the reason" in state.message
    assert space.stage == then
    before = len(logged_in.requests)
    assert monitor.refresh(run) == state and len(logged_in.requests) == before, "an end is judged once"


def test_a_space_that_its_owner_deletes(started: Any, logged_in: Any) -> None:
    run, space = started()
    logged_in.state.delete(space.repo)
    state = monitor.refresh(run)
    assert (state.state, state.reason) == (State.FAILED, "container_stopped") and "deleted" in state.message


def test_a_space_stuck_in_building_is_given_up_by_the_hubs_own_clock(started: Any, logged_in: Any) -> None:
    run, space = started()
    # This machine's clock is wrong by years: it does not count.
    record.update(run, created="1999-01-01T00:00:00+00:00")
    assert monitor.refresh(run).state is State.QUEUED
    assert record.read_state(run).message == "space building"
    space.repo.created_at = "2020" + space.repo.created_at[4:]
    state = monitor.refresh(run)
    assert (state.state, state.reason) == (State.FAILED, "build_failed")
    assert "still at BUILDING after" in state.message and space.stage == "PAUSED"


def test_weights_of_another_run_prove_nothing_and_a_wrong_clock_takes_nothing_away(
    started: Any, logged_in: Any, make_run: Any
) -> None:
    run, space = started()
    other = make_run()
    push_weights(logged_in, other)
    tell(logged_in, run, state="succeeded", stage="push", updated="1970-01-01T00:00:00+00:00")
    space.steer("PAUSED")
    assert monitor.refresh(run).reason == "no_weights"
    logged_in.state.delete(logged_in.repo("model", "ada/tiny"))
    run, space = started()
    push_weights(logged_in, run)
    tell(logged_in, run, state="succeeded", stage="push", updated="1970-01-01T00:00:00+00:00")
    assert monitor.refresh(run).state is State.SUCCEEDED
    assert space.stage == "PAUSED", "it was still running: whoever sees the end stops it"


def test_the_model_counts_when_the_last_report_was_lost(started: Any, logged_in: Any) -> None:
    run, space = started()
    tell(logged_in, run, state="running", stage="push")
    push_weights(logged_in, run)
    space.steer("RUNNING")
    assert monitor.refresh(run).state is State.RUNNING
    space.steer("PAUSED")
    state = monitor.refresh(run)
    assert (state.state, state.stage) == (State.SUCCEEDED, "push") and "lost" in state.message


def test_a_hub_that_is_away_for_a_while_changes_nothing(started: Any, logged_in: Any) -> None:
    run, space = started()
    logged_in.fail("GET", "/runtime", 503, times=2, headers={"Retry-After": "0"})
    assert monitor.refresh(run).state is State.QUEUED
    logged_in.fail("GET", "/runtime", 429, times=1, headers={"Retry-After": "0"})
    tell(logged_in, run, state="running", stage="train")
    space.steer("RUNNING")
    assert monitor.refresh(run).stage == "train"


def test_a_space_that_cannot_be_paused_is_named(started: Any, logged_in: Any) -> None:
    run, _ = started()
    push_weights(logged_in, run)
    tell(logged_in, run, state="succeeded", stage="push")
    logged_in.space(f"ada/{run.name}").steer("RUNNING")
    logged_in.fail("POST", "/pause", 403)
    state = monitor.refresh(run)
    assert state.state is State.SUCCEEDED and "may go on costing" in state.message


def test_logs_are_of_the_build_first_and_a_broken_connection_repeats_no_line(
    started: Any, logged_in: Any
) -> None:
    code = "import time\nfor n in range(6): print(f'line {n}', flush=True); time.sleep(0.3)\n" + TRAIN
    run, space = started(builds=True, train=code)
    logged_in.fail("GET", "/logs/run", after_bytes=120)
    lines = list(monitor.logs(run, True))
    counted = [line for line in lines if re.search(r"\bline \d\b", line)]
    assert len(counted) == len(set(counted)) == 6, lines
    assert space.stage == "PAUSED"


def test_cancel_stops_the_cost_and_everybody_sees_it(started: Any, logged_in: Any) -> None:
    run, space = started()
    state = monitor.cancel(run)
    assert state.state is State.CANCELLED and "costs nothing from now on" in state.message
    assert space.stage == "PAUSED"
    there = json.loads(logged_in.read("dataset", "ada/hf-recipes-runs", f"{run.name}/state.json"))
    assert there["state"] == "cancelled" and there["handle"] == {}
    assert monitor.cancel(run) == state


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (("POST", "/api/repos/create", 402), "no credit"),
        (("POST", "/api/repos/create", 403), "may not do this"),
        (("POST", "/api/spaces/.*/commit/main", 400), "uploading to the Space"),
        (("POST", "/api/spaces/.*/preupload/main", 403), "uploading to the Space"),
    ],
)
def test_a_start_that_the_hub_refuses_leaves_nothing_that_costs(
    new_run: Any, logged_in: Any, fault: tuple[str, str, int], words: str
) -> None:
    run = new_run()
    logged_in.state.create("dataset", "ada/hf-recipes-runs", private=True)
    logged_in.fail(*fault)
    submit.begin(run, say=silent)
    state = record.read_state(run)
    assert (state.state, state.reason) == (State.FAILED, "start_failed") and words in state.message
    assert spaces(logged_in) == []
    there = json.loads(logged_in.read("dataset", "ada/hf-recipes-runs", f"{run.name}/state.json"))
    assert there["state"] == "failed"


def test_an_account_without_credit_is_told_and_nothing_is_made(new_run: Any, logged_in: Any) -> None:
    logged_in.state.accounts["ada"] = dataclasses.replace(logged_in.state.accounts["ada"], can_pay=False)
    run = new_run()
    submit.begin(run, say=silent)
    state = record.read_state(run)
    assert state.state is State.FAILED and "your account has no credit for it; add some at" in state.message
    assert spaces(logged_in) == []


def test_an_account_that_the_hub_makes_no_spaces_for_is_told_what_it_can_do(
    new_run: Any, logged_in: Any
) -> None:
    logged_in.state.accounts["ada"] = dataclasses.replace(logged_in.state.accounts["ada"], pro=False)
    run = new_run(backend="spaces-cpu-basic")
    submit.begin(run, say=silent)
    state = record.read_state(run)
    assert (state.state, state.reason) == (State.FAILED, "start_failed")
    assert "requires a PRO subscription" in state.message and "--backend jobs-cpu-basic" in state.message
    assert spaces(logged_in) == []


def test_what_passes_by_itself_is_no_reason_to_fail(started: Any, logged_in: Any) -> None:
    logged_in.fail("POST", "/api/spaces/.*/commit/main", 503, headers={"Retry-After": "0"})
    logged_in.fail("GET", "/api/whoami-v2", 429, headers={"Retry-After": "0"})
    started()


def test_a_model_repo_of_somebody_elses_making_is_found_before_anything_is_made(
    new_run: Any, logged_in: Any
) -> None:
    logged_in.put("model", "ada/tiny", {"model.safetensors": b"of another"})
    run = new_run()
    submit.begin(run, say=silent)
    state = record.read_state(run)
    assert state.state is State.FAILED and "ada/tiny is there already" in state.message
    assert spaces(logged_in) == [] and ("dataset", "ada/hf-recipes-runs") not in logged_in.state.repos


def test_ctrl_c_in_any_phase_leaves_nothing_that_costs(new_run: Any, logged_in: Any) -> None:
    for phase in ("publishing", "making"):
        run = new_run()

        def interrupted(text: str, phase: str = phase) -> None:
            if text.startswith(phase):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            submit.begin(run, say=interrupted)
        assert record.read_state(run).state is State.CANCELLED
        assert spaces(logged_in) == []


def test_a_start_whose_process_was_killed_is_failed_and_its_half_made_space_is_removed(
    new_run: Any, logged_in: Any
) -> None:
    run = new_run()
    logged_in.builds_hang = True
    before = record.read_state(run).handle
    submit.begin(run, say=silent)
    handle = {name: value for name, value in record.read_state(run).handle.items() if name != "sent"}
    # As if killed between the Space's creation and its first commit.
    record.update(run, handle={**handle, **before, "started": "another time"})
    logged_in.space(str(handle["space"])).steer("NO_APP_FILE")
    state = monitor.refresh(run)
    assert (state.state, state.reason) == (State.FAILED, "start_failed") and spaces(logged_in) == []


def test_a_run_in_the_hands_of_a_living_process_is_not_judged(new_run: Any, logged_in: Any) -> None:
    run = new_run()
    assert monitor.refresh(run).state is State.QUEUED
    assert not logged_in.requests
