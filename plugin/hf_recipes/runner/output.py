"""What a step prints: into the log, into events, and into what will explain its failure."""

from __future__ import annotations

from hf_recipes.runner.causes import Cause
from hf_recipes.runner.journal import Journal
from hf_recipes.runner.lines import ESCAPES, Lines, PassingLines
from hf_recipes.runner.progress import TrainerProgress, own_progress


class Output:
    def __init__(self, journal: Journal, stage: str, *, trains: bool) -> None:
        self.cause = Cause()
        self._journal, self._stage = journal, stage
        self._lines, self._passing = Lines(journal.redact), PassingLines()
        self._trainer = TrainerProgress(lambda event: journal.event(stage, event)) if trains else None

    def feed(self, data: bytes, *, last: bool = False) -> None:
        for raw, passing in self._lines.feed(data, last=last):
            line = ESCAPES.sub("", raw)
            if (progress := own_progress(line)) is not None:
                self._journal.event(self._stage, progress)
                continue
            self.cause.feed(line)
            if self._trainer:
                self._trainer.feed(line)
            if (kept := self._passing.keep(line, passing)) is not None:
                self._journal.log(kept)

    def look_ahead(self) -> None:
        """Nothing comes at the moment: a bar is read before its line ends."""
        if self._trainer:
            self._trainer.feed(ESCAPES.sub("", self._lines.partial))

    def close(self) -> None:
        if self._trainer:
            self._trainer.close()
