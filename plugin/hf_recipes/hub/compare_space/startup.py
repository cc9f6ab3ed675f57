"""Waiting until a compare Space runs, and saying what it does meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hf_recipes.hub.account import api
from hf_recipes.hub.errors import HubFailed, clean, hub_errors, retrying

if TYPE_CHECKING:
    from huggingface_hub import HfApi

WORDS = {
    "BUILDING": "building",
    "RUNNING_BUILDING": "building",
    "APP_STARTING": "starting",
    "RUNNING_APP_STARTING": "starting",
}
FAILED = ("BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE", "DELETING")
RESTING = ("PAUSED", "STOPPED", "SLEEPING")
LONGEST = 1800.0
SECONDS_BETWEEN_LINES = 30.0
GRACE = 20.0
"""Seconds in which a Space may still show what it was before the commit."""


def wait(space: str, commit: str, *, say: Callable[[str], None], pause: float = 3.0) -> None:
    """Return once the Space runs this commit. Raises HubFailed where it will not, with the line of its log that says why."""
    client = api()
    started, spoken, said, woken = time.monotonic(), 0.0, "", False
    while True:
        with hub_errors(f"looking at the Space {space}"):
            runtime = retrying(lambda: client.get_space_runtime(space))
        stage = str(getattr(runtime.stage, "value", runtime.stage))
        seconds = time.monotonic() - started
        # Without a commit named, what it shows is what it is.
        current = runtime.raw.get("sha") in (None, commit)
        if stage == "RUNNING" and current:
            return
        # The first commit of a new Space may have arrived before the Hub has looked at it.
        if stage in FAILED and (seconds > GRACE or (current and stage != "NO_APP_FILE")):
            raise _failed(space, stage, runtime.raw, client)
        if stage in RESTING and not woken:
            with hub_errors(f"waking the Space {space}"):
                retrying(lambda: client.restart_space(space))
            woken = True
        elif stage in RESTING and seconds > GRACE:
            raise HubFailed(
                "space_failed", f"{space} is {stage.lower()} and does not wake; look at {_url(space, client)}"
            )
        if seconds > LONGEST:
            raise HubFailed(
                "space_failed",
                f"{space} still is not running after {LONGEST / 60:.0f} minutes ({stage.lower()}); look at {_url(space, client)}",
            )
        word = WORDS.get(stage, "waiting for the Hub")
        if word != said or seconds - spoken > SECONDS_BETWEEN_LINES:
            said, spoken = word, seconds
            say(f"{space}: {word} ({int(seconds) // 60}:{int(seconds) % 60:02d})")
        time.sleep(pause)


def _failed(space: str, stage: str, raw: dict[str, Any], client: HfApi) -> HubFailed:
    why = clean(str(raw.get("errorMessage") or "")) or _last_line(space, stage == "BUILD_ERROR", client)
    words = stage.lower().replace("_", " ")
    return HubFailed(
        "space_failed", f"{space}: {words}{': ' + why[-400:] if why else ''}; its log: {_url(space, client)}"
    )


def _last_line(space: str, build: bool, client: HfApi) -> str:
    from hf_recipes.hub.errors import of_the_hub

    try:
        lines = [line.strip() for line in client.fetch_space_logs(space, build=build) if line.strip()]
    except Exception as error:
        if not of_the_hub(error):
            raise
        return ""
    return clean(lines[-1]) if lines else ""


def _url(space: str, client: HfApi) -> str:
    return f"{client.endpoint}/spaces/{space}?logs=container"
