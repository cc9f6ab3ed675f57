"""A container's log as it is read from far away: again each time, and no line twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hf_recipes.hub.errors import explain_hub_error, of_the_hub

TRIES = 5
"""At a log whose connection breaks each time before its end."""


class LogReading:
    def __init__(self) -> None:
        self._seen: list[str] = []
        self._breaks = 0

    def lines(self, fetched: Iterable[str]) -> Iterator[str]:
        """What has not been seen yet. A connection that breaks is the end of it: see `broken`."""
        known = len(self._seen)
        # Where in what was seen this reading may be: of a long log the Hub begins later, and a container that was restarted
        # has a log of its own.
        places: Iterable[int] = range(known)
        try:
            for line in fetched:
                places = [at + 1 for at in places if at < known and self._seen[at] == line]
                if not places:
                    self._seen.append(line)
                    yield line if line.endswith("\n") else line + "\n"
        except Exception as error:
            if not of_the_hub(error):
                raise
            self._breaks += 1 if explain_hub_error(error, "").transient else TRIES
        else:
            self._breaks = 0

    @property
    def broken(self) -> bool:
        """Whether there may be more, and another try is worth it."""
        return 0 < self._breaks < TRIES
