"""What a test sets for all that the stand-in Hub runs, as attributes of `hub`."""

from __future__ import annotations

from collections.abc import Mapping

from hub.job import Job
from hub.processes import Machines, Started
from hub.space import Space
from hub.state import State


class Steering:
    state: State

    @property
    def machines(self) -> Machines:
        """`grace`, `launch_seconds` and what has run."""
        found: Machines = self.state.machines
        return found

    @property
    def processes(self) -> list[Started]:
        """Every process that was started, in order, with the names in its environment."""
        return self.machines.started

    @property
    def image(self) -> Mapping[str, str]:
        """The environment that stands for the docker image; over PATH, HOME, TMPDIR, LANG, HF_ENDPOINT of its own."""
        return self.machines.image

    @image.setter
    def image(self, environment: Mapping[str, str]) -> None:
        self.machines.image = dict(environment)

    @property
    def builds_fail(self) -> str | None:
        """Builds of Spaces end in BUILD_ERROR with this message."""
        return self.machines.builds_fail

    @builds_fail.setter
    def builds_fail(self, message: str | None) -> None:
        self.machines.builds_fail = message

    @property
    def builds_hang(self) -> bool:
        """Spaces stay BUILDING, and Jobs SCHEDULING, for ever."""
        return self.machines.builds_hang

    @builds_hang.setter
    def builds_hang(self, hang: bool) -> None:
        self.machines.builds_hang = hang

    def space(self, id: str) -> Space:
        """Raises KeyError."""
        found: Space = self.state.spaces[id]
        return found

    def job(self, id: str) -> Job:
        """Raises KeyError."""
        found: Job = self.state.jobs[id]
        return found
