"""Pushing as the last step of a run, under the real runner."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.api import lifecycle
from hf_recipes.hub.publish.push import push
from hf_recipes.record.job import Push, Step
from hub.handle import Hub

PUSH = Step("push", "push", "core", ("{python}", "-m", "hf_recipes.hub.publish.step", "{run}"))
TRAIN = "weights('tiny/model.safetensors'); open('tiny/config.json', 'w').write('{}')"


@pytest.fixture
def pushed(
    make_step: Callable[..., Any], outcome: Callable[..., tuple[Path, Any]]
) -> Callable[..., tuple[Path, Any]]:
    """pushed(**changes of the job) → a run that trained, verified and pushed, and the state that it ended in.

    `report`: the code of a step before pushing.
    """

    def go(report: str = "", **changes: Any) -> tuple[Path, Any]:
        steps = [
            make_step("train", TRAIN),
            make_step("verify", "print('fine')", promote="work/tiny"),
            *([make_step("report", report)] if report else []),
            PUSH,
        ]
        return outcome(*steps, **{"push": Push(), "base_model": "someone/base", **changes})

    return go


def test_a_run_pushes_as_its_job_says(pushed: Callable[..., tuple[Path, Any]], logged_in: Hub) -> None:
    run, state = pushed(push=Push(repo="ada/elsewhere", private=False))
    assert state.state.value == "succeeded", state.message
    assert not logged_in.repo("model", "ada/elsewhere").private
    mark = json.loads(logged_in.read("model", "ada/elsewhere", "hf_recipes.json"))
    assert mark["run"] == run.name
    log = (run / "train.log").read_text()
    assert "pushed to" in log and logged_in.token not in log
    assert json.loads((run / "push.json").read_text())["new"] is True
    assert lifecycle.run_as_json(run)["model_repo"] == "ada/elsewhere", "status says where the model is"


def test_a_push_that_fails_is_the_runs_end_and_can_be_made_up_for(
    pushed: Callable[..., tuple[Path, Any]], logged_in: Hub
) -> None:
    logged_in.put("model", "ada/tiny", {"config.json": b"{}"})
    run, state = pushed()
    assert (state.state.value, state.reason, state.stage) == ("failed", "push_failed", "push")
    assert "ada/tiny is there already" in state.message and f"hf-recipes push {run.name}" in state.message
    assert (run / "model" / "model.safetensors").is_file()
    assert push(run, repo="ada/other", private=True, force=False, say=lambda _: None).new


UNMET = {"metric": "exact_match", "bound": "at least 0.9", "value": 0.5, "met": False}
REPORT = f"""
import os
os.makedirs('../report', exist_ok=True)
open('../report/report.json', 'w').write({json.dumps(json.dumps({"schema": 1, "n": 2, "methods": {}, "gate": [UNMET]}))})
"""


def test_a_model_that_misses_its_gate_stays_here_and_the_run_has_succeeded(
    pushed: Callable[..., tuple[Path, Any]], logged_in: Hub
) -> None:
    run, state = pushed(REPORT)
    assert (state.state.value, state.reason) == ("succeeded", None)
    log = (run / "train.log").read_text()
    assert (
        f"not pushed: exact_match is 50.0%, required: at least 0.9; to push it all the same: hf-recipes push {run.name} --force"
        in log
    )
    assert not (run / "push.json").exists() and (run / "model" / "model.safetensors").is_file()
    assert ("model", "ada/tiny") not in logged_in.state.repos
    assert [gate["metric"] for gate in lifecycle.gate_unmet(run)] == ["exact_match"]
    assert push(run, repo=None, private=True, force=True, say=lambda _: None).new


def test_elsewhere_a_model_that_misses_its_gate_is_not_lost(
    pushed: Callable[..., tuple[Path, Any]], logged_in: Hub
) -> None:
    run, state = pushed(REPORT, backend="spaces-t4-small")
    assert state.state.value == "succeeded", state.message
    assert "pushed all the same, since this machine keeps nothing" in (run / "train.log").read_text()
    card = logged_in.read("model", "ada/tiny", "README.md").decode()
    assert "The recipe's gate was not met" in card and logged_in.repo("model", "ada/tiny").private


def test_a_read_token_is_told_apart(
    pushed: Callable[..., tuple[Path, Any]], logged_in: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", logged_in.read_token)
    run, state = pushed(secrets=("HF_TOKEN",))
    assert state.reason == "push_failed" and "may only read" in state.message
    everything = b"".join(path.read_bytes() for path in run.rglob("*") if path.is_file())
    assert logged_in.read_token.encode() not in everything


def test_a_repo_that_cannot_be_written_is_said_before_training(
    make_run: Callable[..., Path], make_step: Callable[..., Any], logged_in: Hub
) -> None:
    logged_in.put("model", "ada/tiny", {"config.json": b"{}"})
    run = make_run(make_step("train", "raise SystemExit('trained')"), push=Push(repo=None))
    lifecycle.begin(run, attached=False, say=lambda _: None)
    state = record.read_state(run)
    assert (state.state.value, state.reason) == ("failed", "start_failed")
    assert "ada/tiny" in state.message and not (run / "train.log").exists()
