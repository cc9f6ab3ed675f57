"""What the container's log shows, since `logs -f` reads it from far away: the run's log as it grows, and how far it is."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hf_recipes.record.progress import Tail
from hf_recipes.runner.redaction import Redactor

BETWEEN = 10.0
"""Seconds between two lines about progress."""


class RedactedStdout:
    """Lines to stdout, with secrets redacted. A closed stdout does not stop the run."""

    def __init__(self) -> None:
        self.hide(())

    def hide(self, secrets: Sequence[str]) -> None:
        """The names of environment variables with secret values; the usual ones are known."""
        self._redact = Redactor(secrets, os.environ)

    def line(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stdout.write(self._redact(text) + "\n")
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """In our own name."""
        self.line(f"hf-recipes: {text}")


class Echo:
    """Shows what has come since the last look."""

    def __init__(self, run: Path, output: RedactedStdout) -> None:
        self._log, self._events = Tail(run / "train.log"), Tail(run / "events.jsonl")
        self._output, self._shown = output, ""
        self._next = 0.0

    def look(self) -> None:
        # What has come until now: a log that grows as fast as it is shown must not hold us here.
        for line in list(self._log.lines()):
            self._output.line(line)
        lines = list(self._events.lines())
        # The last one tells how far it is; a line is as good as the next, so the others need no reading.
        if lines and time.monotonic() >= self._next and (text := progress(lines[-1])) != self._shown:
            self._next, self._shown = time.monotonic() + BETWEEN, text
            if text:
                self._output.say(text)


def progress(line: str) -> str:
    """An event as a short line: `train: step 12 of 100, loss 1.23, 40 s left`. Empty for one that tells no step."""
    try:
        event: Mapping[str, Any] = json.loads(line)
        step, total = event["step"], event.get("total")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    parts = [f"step {step}" + (f" of {total}" if total else "")]
    if isinstance(event.get("loss"), (int, float)):
        parts.append(f"loss {event['loss']:.4g}")
    if isinstance(event.get("eta"), (int, float)):
        parts.append(f"{event['eta']:.0f} s left")
    what = event.get("what") or event.get("stage") or ""
    return (f"{what}: " if what else "") + ", ".join(parts)
