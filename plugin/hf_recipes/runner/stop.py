"""How a run is told to end: by a signal, or by the end of stdin when it is attached to the program that started it."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from contextlib import suppress

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """Someone wants the run to end; the message says who."""


class Abandoned(Stopped):
    """There was no request to stop: the program that had started the run was killed."""


class Stop:
    def __init__(self, *, attached: bool) -> None:
        self.stage = "start"
        self._attached = attached
        self._why = ""
        self._abandoned = False
        self._wake, writer = os.pipe()
        for end in (self._wake, writer):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that select wakes up

    def wait(self, descriptors: Sequence[int], seconds: float) -> list[int]:
        """Until one of the descriptors can be read or a child ends; returns what can be read. Raises Stopped."""
        watched = [*descriptors, self._wake, *([0] if self._attached else [])]
        ready, _, _ = select.select(watched, [], [], seconds)
        with suppress(BlockingIOError):
            while os.read(self._wake, 512):
                pass
        if self._attached and 0 in ready and not os.read(0, 512):
            self._attached = False
            self._abandoned = not self._why
            self._why = (
                self._why or f"the program that had started the run is gone (killed) during {self.stage}"
            )
        if self._why:
            raise (Abandoned if self._abandoned else Stopped)(self._why)
        return ready

    def ignore(self) -> None:
        """From now on the run ends as it has been decided."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, _: object) -> None:
        self._why = self._why or f"cancelled during {self.stage}"
