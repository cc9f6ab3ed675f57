"""Keeps the runs repo up to date beside the training, which never waits for it and never fails with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from hf_recipes.backends.huggingface.mirror import Mirror
from hf_recipes.hub.errors import HubFailed

SPACING, SPACING_LATER, LATER = 120.0, 300.0, 600.0
"""Seconds between two commits, and after how many the wider spacing begins: the Hub takes some 128 an hour in one repo,
and several runs share it."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 900.0
"""Seconds after a failed try; each failure doubles it."""

State = Mapping[str, Any]


class Mirroring:
    """`shown` gives the state to write; a stage change is told with `wake`."""

    def __init__(self, mirror: Mirror, shown: Callable[[], State], say: Callable[[str], None]) -> None:
        self._mirror, self._shown, self._say = mirror, shown, say
        self._wake, self._over = threading.Event(), threading.Event()
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def finish(self, seconds: float) -> bool:
        """Write the end of the run, trying for so many seconds; says whether the Hub has it."""
        deadline = time.monotonic() + seconds
        self._over.set()
        self._wake.set()
        # What is on its way must not arrive after the end; the client gives up on a dead connection by itself.
        self._sending.acquire(timeout=max(1.0, seconds / 2))
        pause = 1.0
        while True:
            try:
                self._mirror.send(self._shown(), last=True)
                return True
            except Exception as error:
                left = deadline - time.monotonic()
                if left <= 0 or not _may_pass(error):
                    self._say(f"the end of the run could not be written to the Hub: {_said(error)}")
                    return False
                time.sleep(min(left, max(pause, _wait(error))))
                pause = min(pause * 2, 30.0)

    def _loop(self) -> None:
        began = time.monotonic()
        pause = FIRST_PAUSE
        while not self._over.is_set():
            self._wake.clear()
            try:
                with self._sending:
                    if not self._over.is_set():
                        self._mirror.send(self._shown())
            except Exception as error:  # whatever it is, the training goes on, and the next try may do
                wait = max(pause, _wait(error))
                self._say(
                    f"the runs repo could not be written, next try in {wait:.0f} s at the earliest: {_said(error)}"
                )
                pause = min(pause * 2, LONGEST_PAUSE)
                self._over.wait(wait)
                continue
            pause = FIRST_PAUSE
            self._wake.wait(SPACING if time.monotonic() - began < LATER else SPACING_LATER)


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, HubFailed) or error.transient or error.reason == "conflict"


def _wait(error: Exception) -> float:
    return (error.wait or 0.0) if isinstance(error, HubFailed) else 0.0


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, HubFailed) else f"{type(error).__name__}: {error}"
