"""The states of a run. Written in full each time, read leniently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class State(str, Enum):
    QUEUED = "queued"
    PREPARING = "preparing"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


class Reason(str, Enum):
    """Why a run ended as it did; `message` says it in a sentence."""

    ENVIRONMENT_FAILED = "environment_failed"
    DATA_INVALID = "data_invalid"
    BASE_MODEL_UNAVAILABLE = "base_model_unavailable"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    TRAINER_FAILED = "trainer_failed"
    NO_WEIGHTS = "no_weights"
    WEIGHTS_INVALID = "weights_invalid"
    ENDPOINT_INVALID = "endpoint_invalid"
    EVALUATION_FAILED = "evaluation_failed"
    PUSH_FAILED = "push_failed"
    START_FAILED = "start_failed"
    BUILD_FAILED = "build_failed"
    CONTAINER_FAILED = "container_failed"
    CONTAINER_STOPPED = "container_stopped"
    RUNNER_VANISHED = "runner_vanished"
    CANCELLED = "cancelled"
    STEP_FAILED = "step_failed"


@dataclass(frozen=True)
class RunState:
    id: str
    state: State
    stage: str | None = None
    reason: str | None = None
    message: str = ""
    handle: Mapping[str, object] = field(default_factory=dict)
    backend: str = "local"
    project_name: str = ""
    created: str = ""
    """ISO 8601, UTC."""
    updated: str = ""
    schema: int = 1
