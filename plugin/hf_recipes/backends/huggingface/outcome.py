"""How a remote run ended, decided on what can be seen of it. Pure.

Two things prove an end: what the run itself wrote into the runs repo, and a commit of the model repo that names the run
and holds weights. A container that has stopped without them has failed, whatever stopped it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_recipes.record.state import Reason, State

SECONDS_TO_BUILD = 30 * 60
"""A Space that has not begun by then is stuck. The Hub itself gives an app 30 minutes to answer."""
NO_FILES = "NO_APP_FILE"
"""The stage of a Space that nothing was uploaded to."""
BUILDING = (NO_FILES, "BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
GONE = "DELETED"
"""The stage of what is not there any more."""


@dataclass(frozen=True)
class Observed:
    """What was seen of a run. The stage must have been looked at first: a run writes its end before it stops."""

    platform: str
    """space or job."""
    stage: str
    """As the Hub says it; DELETED when there is no such Space or HF Job."""
    remote: Mapping[str, Any] | None = None
    """state.json in the runs repo."""
    weights: bool = False
    """Whether a commit of the model repo names this run and holds safetensors."""
    last_line: str = ""
    """The last line of the log."""
    seconds: float = 0.0
    """Since the container was asked for, by the Hub's own clock."""
    error: str = ""
    """What the Hub says of a failure."""


@dataclass(frozen=True)
class End:
    state: State
    reason: Reason | None
    message: str


def judge_outcome(seen: Observed) -> End | None:
    """The end of the run, or None while it goes on."""
    return _as_it_says(seen) or _as_it_stopped(seen)


def begun(seen: Observed) -> bool:
    """Whether the run's container has written that it works."""
    return (seen.remote or {}).get("state") not in (None, State.QUEUED.value)


def stopped(stage: str) -> bool:
    """Whether nothing runs, and nothing costs, in this stage."""
    return stage in STOPPED


def goes_on_costing(stage: str) -> bool:
    """Whether a Space in this stage runs, or would run again when visited."""
    return stage not in (
        "PAUSED",
        "BUILD_ERROR",
        "CONFIG_ERROR",
        "DELETING",
        GONE,
        "COMPLETED",
        "ERROR",
        "CANCELED",
    )


def _as_it_says(seen: Observed) -> End | None:
    """An end that the run wrote itself: believed, but for a success without its weights."""
    remote = seen.remote or {}
    try:
        state = State(remote.get("state"))
    except ValueError:
        return None
    if not state.finished:
        return None
    message = str(remote.get("message") or "")
    if state is not State.SUCCEEDED:
        return End(state, _reason(remote.get("reason"), state), message)
    if seen.weights:
        return End(State.SUCCEEDED, None, message)
    return End(
        State.FAILED,
        Reason.NO_WEIGHTS,
        "the run says that it succeeded, but the model repo has no commit of it with weights" + _last(seen),
    )


def _as_it_stopped(seen: Observed) -> End | None:
    """An end that the platform shows: the run has not told of one."""
    what = _words(seen)
    if what is None:
        return None
    if seen.weights and seen.stage in STOPPED:
        return End(State.SUCCEEDED, None, "the model was pushed; the run's last report was lost")
    reason, words = what
    state = State.CANCELLED if reason is Reason.CANCELLED else State.FAILED
    return End(state, reason, words + (f": {seen.error}" if seen.error else "") + _last(seen))


def _words(seen: Observed) -> tuple[Reason, str] | None:
    if seen.stage in STOPPED:
        return STOPPED[seen.stage]
    if seen.stage in BUILDING and not begun(seen) and seen.seconds > SECONDS_TO_BUILD:
        minutes = round(seen.seconds / 60)
        return Reason.BUILD_FAILED, f"the Space is still at {seen.stage} after {minutes} minutes"
    return None


def _reason(word: object, state: State) -> Reason:
    try:
        return Reason(word)
    except ValueError:  # a newer version wrote it
        return Reason.CANCELLED if state is State.CANCELLED else Reason.STEP_FAILED


def _last(seen: Observed) -> str:
    line = " ".join(seen.last_line.split())[:300]
    return f"; the log ends with: {line}" if line and line not in seen.error else ""


BEFORE = "before the model was pushed"
STOPPED: Mapping[str, tuple[Reason, str]] = {
    "BUILD_ERROR": (Reason.BUILD_FAILED, "the Space could not be built"),
    "CONFIG_ERROR": (Reason.BUILD_FAILED, "the Hub does not accept the Space's configuration"),
    "RUNTIME_ERROR": (Reason.CONTAINER_FAILED, f"the Space's container ended {BEFORE}"),
    "PAUSED": (Reason.CONTAINER_STOPPED, f"the Space was paused, by its owner or the Hub, {BEFORE}"),
    "SLEEPING": (Reason.CONTAINER_STOPPED, f"the Space fell asleep {BEFORE}"),
    "STOPPED": (Reason.CONTAINER_STOPPED, f"the Space was stopped, asleep or by the Hub, {BEFORE}"),
    "DELETING": (Reason.CONTAINER_STOPPED, f"it was deleted {BEFORE}"),
    GONE: (Reason.CONTAINER_STOPPED, f"it was deleted {BEFORE}"),
    "COMPLETED": (Reason.CONTAINER_FAILED, f"the HF Job ended {BEFORE}"),
    "ERROR": (Reason.CONTAINER_FAILED, f"the HF Job failed {BEFORE}"),
    "CANCELED": (Reason.CANCELLED, "the HF Job was cancelled"),
}
"""Stage → what it means for a run that has told of no end."""


def telling(lines: Sequence[str]) -> str:
    """The line of a log that says most about its end: the last error among the last lines, else the last line."""
    last = [text for line in lines[-LOOKED_AT:] if (text := line.strip()) and text != TOLD_TO_END]
    errors = [text for text in last if ERROR.search(text)]
    return (errors or last or [""])[-1]


LOOKED_AT = 60
TOLD_TO_END = "hf-recipes: told to end"
"""What a container says last that is stopped, whatever stops it (hf_recipes.backends.huggingface.container.work)."""
ERROR = re.compile(
    r"\b(?:\w*Error|\w*Exception|Killed|Traceback|failed|fatal|cannot|could not)\b", re.IGNORECASE
)
