"""Whose turn it is: visitors are answered one at a time, in the order in which they asked."""

from __future__ import annotations

import threading

SECONDS_BETWEEN_LOOKS = 0.5


class Turns:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[object] = []

    def join(self) -> object:
        """A place at the end of the line. Always call `leave` for it."""
        place = object()
        with self._changed:
            self._waiting.append(place)
        return place

    def before(self, place: object) -> int:
        """How many are before it: at once if it is its turn, else when a visitor leaves or after half a second."""
        with self._changed:
            if self._waiting[0] is not place:
                self._changed.wait(SECONDS_BETWEEN_LOOKS)
            return self._waiting.index(place)

    def leave(self, place: object) -> None:
        with self._changed:
            self._waiting.remove(place)
            self._changed.notify_all()
