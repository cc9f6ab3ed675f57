"""How a remote run ended: every observation, and the state, reason and words that it leads to."""

from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub._jobs_api import JobStage
from huggingface_hub._space_api import SpaceStage

from hf_recipes.backends.huggingface.outcome import (
    BUILDING,
    SECONDS_TO_BUILD,
    STOPPED,
    Observed,
    judge_outcome,
    stopped,
    telling,
)
from hf_recipes.record.state import Reason, State

RUNNING = {"state": "running", "stage": "train"}
CANCELLED = {"state": "cancelled", "reason": "cancelled", "message": "the container was told to end"}
DONE = {"state": "succeeded", "stage": "push", "message": ""}


def seen(stage: str, remote: dict[str, Any] | None = None, **more: Any) -> Observed:
    return Observed(**{"platform": "space", "stage": stage, "remote": remote, **more})


@pytest.mark.parametrize(
    "goes_on",
    [
        seen("BUILDING"),
        seen("BUILDING", seconds=SECONDS_TO_BUILD - 1),
        seen("NO_APP_FILE", seconds=3),
        seen("APP_STARTING", {"state": "queued"}),
        seen("APP_STARTING", RUNNING, seconds=10 * SECONDS_TO_BUILD),
        seen("RUNNING", {"state": "queued"}, seconds=10 * SECONDS_TO_BUILD),
        seen("RUNNING", RUNNING),
        seen("RUNNING", {"state": "preparing"}, weights=True),
        seen("RUNNING", {"state": "a word of a later version"}),
        seen("SCHEDULING", {"state": "queued"}, platform="job"),
        seen("RUNNING", RUNNING, platform="job"),
    ],
)
def test_a_run_that_goes_on_has_no_end(goes_on: Observed) -> None:
    assert judge_outcome(goes_on) is None


CASES: list[tuple[Observed, State, Reason | None, str]] = [
    # What the run itself says.
    (seen("RUNNING", DONE, weights=True), State.SUCCEEDED, None, ""),
    (seen("PAUSED", DONE, weights=True), State.SUCCEEDED, None, ""),
    (seen("SLEEPING", DONE, weights=True), State.SUCCEEDED, None, ""),
    (seen("PAUSED", DONE), State.FAILED, Reason.NO_WEIGHTS, "no commit of it with weights"),
    (
        seen("PAUSED", {"state": "failed", "reason": "out_of_memory", "message": "train: out of memory"}),
        State.FAILED, Reason.OUT_OF_MEMORY, "train: out of memory",
    ),
    (
        seen("RUNNING", {"state": "failed", "reason": "push_failed", "message": "push: no"}, weights=True),
        State.FAILED, Reason.PUSH_FAILED, "push: no",
    ),
    (
        seen("RUNNING", {"state": "failed", "reason": "of_a_later_version", "message": "new"}),
        State.FAILED, Reason.STEP_FAILED, "new",
    ),
    (seen("PAUSED", {"state": "cancelled", "reason": "cancelled"}), State.CANCELLED, Reason.CANCELLED, ""),
    # A container that has stopped without a word.
    (seen("PAUSED", RUNNING, weights=True), State.SUCCEEDED, None, "last report was lost"),
    (seen("DELETED", None, weights=True), State.SUCCEEDED, None, "last report was lost"),
    (seen("COMPLETED", RUNNING, weights=True, platform="job"), State.SUCCEEDED, None, "last report was lost"),
    (
        seen("PAUSED", RUNNING, last_line="step 12 of 90"),
        State.FAILED, Reason.CONTAINER_STOPPED, "paused, by its owner or the Hub, before the model was pushed; the log ends with: step 12",
    ),
    (seen("SLEEPING", RUNNING), State.FAILED, Reason.CONTAINER_STOPPED, "fell asleep"),
    (seen("STOPPED", RUNNING), State.FAILED, Reason.CONTAINER_STOPPED, "was stopped"),
    (seen("DELETED"), State.FAILED, Reason.CONTAINER_STOPPED, "was deleted"),
    (
        seen("BUILD_ERROR", error="Job failed with exit code: 1", last_line="E: no such package"),
        State.FAILED, Reason.BUILD_FAILED, "could not be built: Job failed with exit code: 1; the log ends with: E: no such package",
    ),
    (seen("CONFIG_ERROR"), State.FAILED, Reason.BUILD_FAILED, "configuration"),
    (
        seen("RUNTIME_ERROR", RUNNING, error="Exit code: 137. Reason: Killed"),
        State.FAILED, Reason.CONTAINER_FAILED, "Exit code: 137",
    ),
    (
        seen("BUILDING", None, seconds=SECONDS_TO_BUILD + 60),
        State.FAILED, Reason.BUILD_FAILED, "still at BUILDING after 31 minutes",
    ),
    (
        seen("APP_STARTING", {"state": "queued"}, seconds=SECONDS_TO_BUILD + 60),
        State.FAILED, Reason.BUILD_FAILED, "still at APP_STARTING",
    ),
    (seen("ERROR", RUNNING, platform="job", error="Job timeout"), State.FAILED, Reason.CONTAINER_FAILED, "Job timeout"),
    (seen("COMPLETED", RUNNING, platform="job"), State.FAILED, Reason.CONTAINER_FAILED, "before the model was pushed"),
    (seen("CANCELED", CANCELLED, platform="job"), State.CANCELLED, Reason.CANCELLED, "told to end"),
    (seen("CANCELED", RUNNING, platform="job"), State.CANCELLED, Reason.CANCELLED, "was cancelled"),
]  # fmt: skip


@pytest.mark.parametrize(("observed", "state", "reason", "words"), CASES)
def test_an_end_is_told_with_its_cause(
    observed: Observed, state: State, reason: Reason | None, words: str
) -> None:
    end = judge_outcome(observed)
    assert end is not None
    assert (end.state, end.reason) == (state, reason)
    assert words in end.message and "\n" not in end.message


def test_what_the_hub_has_said_of_the_log_is_not_said_twice() -> None:
    end = judge_outcome(
        seen("BUILD_ERROR", error="exit code: 1. Reason: E: no such package", last_line="E: no such package")
    )
    assert end is not None and end.message.count("E: no such package") == 1


def test_success_needs_weights_whatever_else_is_seen() -> None:
    for stage in (*STOPPED, *BUILDING, "RUNNING"):
        for remote in (None, RUNNING, DONE, {"state": "failed"}, {"state": "cancelled"}):
            end = judge_outcome(seen(stage, remote, seconds=SECONDS_TO_BUILD * 2))
            assert end is None or end.state is not State.SUCCEEDED


def test_every_stage_that_the_hub_knows_is_known_here() -> None:
    live = {"RUNNING", "SCHEDULING", "UPDATING"}
    for stage in [*SpaceStage, *JobStage]:
        assert stage.value in live or stage.value in BUILDING or stopped(stage.value), stage


def test_the_line_that_tells_is_the_last_error_among_the_last_lines() -> None:
    assert telling([]) == ""
    assert telling(["a\n", "b\n", " \n"]) == "b"
    log = ["ValueError: far away\n", *["step\n"] * 100, "RuntimeError: CUDA out of memory\n", "goodbye\n"]
    assert telling(log) == "RuntimeError: CUDA out of memory"
