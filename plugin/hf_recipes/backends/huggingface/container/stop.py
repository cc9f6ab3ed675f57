"""Being told to end: a Space that is paused and a Job that is cancelled send SIGTERM, and kill soon after."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class ContainerStopped(BaseException):
    """The container is told to end. Not an Exception, so that no handler on the way swallows it."""


class ContainerStop:
    """Notes the signal; raises only inside `raising`, and only once."""

    def __init__(self) -> None:
        self.asked = self._raising = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    @contextmanager
    def raising(self) -> Iterator[None]:
        self._raising = True
        try:
            if self.asked:
                raise ContainerStopped
            yield
        finally:
            self._raising = False

    def _on_signal(self, *_: object) -> None:
        self.asked = True
        if self._raising:
            self._raising = False
            raise ContainerStopped
