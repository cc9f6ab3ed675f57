"""Whether the folder of a run is still where its runner writes: people move and delete folders while things run in them."""

from __future__ import annotations

import os
from pathlib import Path

DELETED = " (deleted)"


class FolderGone(Exception):
    """The message says what became of it."""


class Folder:
    def __init__(self, run: Path) -> None:
        self._run = run
        self._descriptor = os.open(run, os.O_RDONLY | os.O_DIRECTORY)

    def check(self, stage: str) -> None:
        """Raises FolderGone."""
        try:
            there = self._run.stat()
        except FileNotFoundError:
            there = None
        own = os.fstat(self._descriptor)
        if there is not None and (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
            return
        now = self.now()
        what = f"moved to {now}" if now else "deleted or moved"
        raise FolderGone(
            f"the folder of the run was {what} during {stage}, so it was ended; run the recipe again"
        )

    def now(self) -> Path | None:
        """Where it is now; None where it is deleted, or the system does not say."""
        try:
            place = str(Path(f"/proc/self/fd/{self._descriptor}").readlink())
        except OSError:
            return None
        return None if place.endswith(DELETED) else Path(place)
