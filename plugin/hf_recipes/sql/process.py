"""The process that runs queries. Each has so many seconds by the clock on the wall, after which the process is ended:
SQLite looks at no clock inside one long function."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes.sql.reading import compared, literals

TIMEOUT = 5.0
"""Seconds that a query may take where nothing else is said."""
GRACE = 1.0
"""Seconds more after which the process is ended that should have stopped by itself."""
FILL = 10.0
"""Seconds that filling the tables may take."""
START = 60.0
"""Seconds that a process may take to start, on a machine that is busy."""
DATABASES = 3
"""Databases that are filled by seed: one without rows tells no two queries apart."""
LONGEST = 100_000
"""Characters of a query that is run."""
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""Environment variables that Python may need to start; no secrets."""


class NotStarted(Exception):
    """The process that runs queries cannot be started."""


@dataclass(frozen=True)
class Task:
    """Queries, and what they are run in: a file, or tables that are made and filled for one query."""

    queries: Sequence[str]
    database: str | None = None
    tables: Sequence[str] = ()
    expected: str = ""
    """The query whose literals the tables are filled with."""
    timeout: float = TIMEOUT

    @property
    def databases(self) -> int:
        return 1 if self.database else DATABASES


@dataclass(frozen=True)
class Ran:
    """What a query gave in one database."""

    rows: list[list[Any]] | None = None
    error: str = ""
    """Why there are no rows to compare; empty where there are."""

    @property
    def says_nothing(self) -> bool:
        """No rows, or one of NULLs, as a sum over no rows is."""
        return not self.error and all(cell is None for row in self.rows or () for cell in row)


class Worker:
    """Started when it is first needed, and again after one that had to be ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def run(self, task: Task) -> list[list[Ran]]:
        """For each database: what each query gave. A query's seconds are those of all its databases together.

        Raises NotStarted."""
        left = [task.timeout] * len(task.queries)
        ended = [
            "" if len(query) <= LONGEST else f"longer than {LONGEST:,} characters" for query in task.queries
        ]
        found = []
        for number in range(task.databases):
            opened, results = False, []
            for place, query in enumerate(task.queries):
                if not ended[place] and not opened:
                    error = self._open(task, number)
                    opened = not error
                    if error and self._process is None:  # it would not open the next time either
                        ended = [before or error for before in ended]
                    elif error:
                        results.append(Ran(error=error))
                        continue
                if ended[place]:
                    results.append(Ran(error=ended[place]))
                    continue
                began = time.monotonic()
                answer = self._ask({"query": query, "timeout": left[place]}, left[place])
                left[place] -= time.monotonic() - began
                if isinstance(answer, str) or left[place] <= 0:
                    ended[place] = answer if isinstance(answer, str) else f"took more than {task.timeout:g} s"
                    results.append(Ran(error=ended[place]))
                    opened = self._process is not None
                else:
                    results.append(Ran(answer["rows"], answer["error"] or ""))
            found.append(results)
        return found

    def _open(self, task: Task, number: int) -> str:
        """Why the database could not be opened; empty where it was."""
        if task.database:
            request: dict[str, Any] = {"database": task.database}
        else:
            request = {
                "tables": list(task.tables),
                "values": literals(task.expected[:LONGEST]),
                "of_columns": compared(task.expected[:LONGEST]),
                "seed": number + 1,
                "timeout": task.timeout,
            }
        answer = self._ask(request, task.timeout + FILL)
        return f"its tables: {answer}" if isinstance(answer, str) else answer["error"] or ""

    def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any] | str:
        """The process's answer, or in one clause why it was ended without any."""
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = self._line(seconds + GRACE)
        except BrokenPipeError:
            line = b""
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        self.stop()
        return f"took more than {seconds:g} s" if line is None else "took too much memory"

    def _line(self, seconds: float) -> bytes | None:
        """Empty where the process has ended; None where it has said nothing for so long."""
        assert self._process is not None and self._process.stdout is not None
        output, end = self._process.stdout.fileno(), time.monotonic() + seconds
        pieces = []
        while True:
            ready, _, _ = select.select([output], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            piece = os.read(output, 1 << 16)
            pieces.append(piece)
            if not piece:
                return b""
            if piece.endswith(b"\n"):  # one line answers one request
                return b"".join(pieces)

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
        )
        if not self._line(START):
            self.stop()
            raise NotStarted("the process that runs queries does not start")
        return self._process

    def stop(self) -> None:
        """It is started again when it is needed."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
