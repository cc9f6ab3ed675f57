"""The processes of a run: each started so that it cannot outlive the runner, and stopped with all that it started."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hf_recipes.runner.processes import LINUX, descendants, kill, marked, process_started, processes

GRACE = 10.0
"""Seconds between asking processes to end and killing them."""

# Loaded here and not in the child: between fork and exec little may be done safely.
LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None
DIE_WITH_PARENT, ADOPT_ORPHANS = 1, 36  # PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER


class Children:
    """One child at a time, and the guard, which ends what is left when the runner is gone.

    `shared`: this process may have other children, which are none of the run's business.
    """

    def __init__(self, run: Path, *, shared: bool = False) -> None:
        self._run, self._shared = run, shared
        self._child: subprocess.Popen[bytes] | None = None
        if not shared:
            _prctl(ADOPT_ORPHANS, 1)
        self._guard = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("guard.py")), str(run)],
            stdin=subprocess.PIPE,
            start_new_session=True,
            cwd="/",
        )

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """A child in RUN/work, in a session of its own, with its output in one pipe. Raises OSError."""
        self._child = subprocess.Popen(
            arguments,
            cwd=self._run / "work",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_in_child,
        )
        self._tell_guard(f"group {self._child.pid}")
        return self._child

    def finish(self) -> None:
        """End the child with all that it has started."""
        assert self._child is not None and self._child.stdout is not None
        self.stop()
        self._tell_guard(f"over {self._child.pid}")
        self._child.stdout.close()
        self._child = None

    def stop(self, grace: float = GRACE) -> None:
        """End everything that this run has started, the guard excepted: ask, wait, kill."""
        # Pid → start time of all that were ever seen: one whose parent ends first may not be found again where orphans
        # do not come to us.
        seen: dict[int, str | None] = {}
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline + 5:
            fresh = {pid: process_started(pid) for pid in self._left() - seen.keys()}
            seen.update(fresh)
            left = [pid for pid, started in seen.items() if started and process_started(pid) == started]
            if not left:
                return
            asking = time.monotonic() < deadline
            for pid in fresh if asking else left:
                kill(pid, signal.SIGTERM if asking else signal.SIGKILL)
            self._discard_output()
            time.sleep(0.05)

    def dismiss_guard(self) -> None:
        self._tell_guard("bye")

    def _left(self) -> set[int]:
        self._collect()
        table = processes()
        found = set() if self._shared else descendants(table, os.getpid()) - {self._guard.pid}
        if self._child:
            group = self._child.pid
            found |= descendants(table, group)
            found |= {
                pid for pid, process in table.items() if process.group == group and process.letter not in "ZX"
            }
        return found | marked(self._run)

    def _collect(self) -> None:
        """Let the dead go: our child, and the orphans that came to us."""
        if self._child:
            self._child.poll()
        if self._shared:
            return
        known = {self._guard.pid, self._child.pid if self._child else 0}
        for pid, process in processes().items():
            if process.parent == os.getpid() and process.letter == "Z" and pid not in known:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def _discard_output(self) -> None:
        # A process that is asked to end may print first, and must not wait for a reader.
        if self._child and self._child.stdout:
            with suppress(OSError):
                while os.read(self._child.stdout.fileno(), 65_536):
                    pass

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        with suppress(OSError):
            self._guard.stdin.write(line.encode() + b"\n")
            self._guard.stdin.flush()


def _in_child() -> None:
    _prctl(DIE_WITH_PARENT, signal.SIGKILL)
    # When memory runs out, the system should end the trainer and not who reports on it. Raising the score is allowed to all.
    if LIBC is not None:
        with suppress(OSError):
            descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
            os.write(descriptor, b"500")
            os.close(descriptor)


def _prctl(option: int, value: int) -> None:
    if LIBC is not None:
        LIBC.prctl(option, value, 0, 0, 0)
