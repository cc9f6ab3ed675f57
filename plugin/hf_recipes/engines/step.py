"""How a step of a run, our own or an engine's, speaks to the runner: progress on stdout, a failure in the file it named."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hf_recipes.data.findings import DataError
from hf_recipes.runner.causes import StepFailed

BETWEEN = 0.3
"""Seconds between two progress lines at the least."""
SETTLED = 32
"""Rows before a speed is told, but at the end: a batch answers nothing while its prompts are read, then much at once."""


class Progress:
    """Writes `::progress` lines, not more often than a person can read; the last step is always written."""

    def __init__(self) -> None:
        self._last = 0.0
        self._what = ""

    def __call__(self, step: int, total: int, *, unit: str = "rows", what: str = "", **more: float) -> None:
        """`more`: `rate`, units a second, and `eta`, seconds that are left."""
        now = time.monotonic()
        if step < total and what == self._what and now - self._last < BETWEEN:
            return
        self._last, self._what = now, what
        line = json.dumps({"step": step, "total": total, "unit": unit, "what": what, **more})
        sys.stdout.write(f"::progress {line}\n")
        sys.stdout.flush()


class Pace:
    """The progress of rows that are answered in parts: how many a second, and the time that the others will take."""

    def __init__(self, progress: Progress, what: str, total: int) -> None:
        self._progress, self._what, self._total = progress, what, total
        self._start = 0
        self._first: tuple[int, float] | None = None
        self._before = (0, 0.0)
        self._worked = (0, 0.0)
        progress(0, total, what=what)

    def part(self, start: int) -> None:
        """A part begins, with `start` rows done before it."""
        self._start, self._first, self._before = start, None, self._worked

    def __call__(self, done: int, _: int = 0) -> None:
        """`done` rows of the part. Its first word counts for nothing: those rows were there already, and cost no time."""
        now, step = time.monotonic(), self._start + done
        self._first = self._first or (step, now)
        rows, seconds = self._before
        self._worked = rows, seconds = rows + step - self._first[0], seconds + now - self._first[1]
        if not (rows and seconds) or (rows < SETTLED and step < self._total):
            self._progress(step, self._total, what=self._what)
            return
        left = round((self._total - step) * seconds / rows)
        self._progress(step, self._total, what=self._what, rate=round(rows / seconds, 2), eta=left)


def run_step(body: Callable[[Path], None], arguments: list[str] | None = None) -> int:
    """Run a step for the run's folder named by the only argument; its exit code.

    A person's mistake goes to the file named by HF_RECIPES_FAILURE and, in one line, to stderr.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        sys.stderr.write("expected one argument: the folder of a run\n")
        return 2
    try:
        body(Path(arguments[0]).resolve())
    except StepFailed as failure:
        return _fail(failure.reason, failure.message)
    except DataError as error:
        return _fail("data_invalid", error.summary)
    except MemoryError:
        return _fail("out_of_memory", "not enough memory; a smaller model or batch_size needs less")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return _fail("disk_full", f"the disk is full: {error.filename or arguments[0]}")
    except RuntimeError as error:  # torch has no common class for it
        text = str(error)
        if "out of memory" not in text and "can't allocate memory" not in text:
            raise
        return _fail("out_of_memory", "not enough memory: " + text.splitlines()[0])
    return 0


def _fail(reason: str, message: str) -> int:
    message = " ".join(message.split())
    sys.stderr.write(message + "\n")
    path = os.environ.get("HF_RECIPES_FAILURE")
    if path:
        Path(path).write_text(json.dumps({"reason": reason, "message": message}), "utf-8")
    return 1


def read_lines(path: Path) -> list[dict[str, object]]:
    """The objects of a JSON lines file of ours; a missing file has none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
