"""What runs on this machine: from /proc on Linux, from `ps` elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

MARK = "HF_RECIPES_RUN_ID"
"""In the environment of every child: the run's folder. Finds strays on Linux, whatever session they have moved to."""
LINUX: bool = sys.platform.startswith("linux")


class Process(NamedTuple):
    parent: int
    group: int
    letter: str
    """Its state as ps shows it; Z is a dead process that its parent has not reaped."""


def processes() -> dict[int, Process]:
    """Every process by its pid."""
    if LINUX:
        stats = ((pid, _stat(pid)) for pid in _pids())
        return {pid: Process(int(fields[1]), int(fields[2]), fields[0]) for pid, fields in stats if fields}
    with subprocess.Popen(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat="], stdout=subprocess.PIPE, text=True
    ) as table:
        rows = [line.split() for line in table.communicate()[0].splitlines()]
    found = {int(row[0]): Process(int(row[1]), int(row[2]), row[3][0]) for row in rows if len(row) == 4}
    return {pid: process for pid, process in found.items() if pid != table.pid}


def process_started(pid: int) -> str | None:
    """When a living process started, in words that only this process has among those of its pid; None when it is dead."""
    if LINUX:
        fields = _stat(pid)
        return fields[19] if fields and fields[0] not in "ZX" else None
    # Who asks later may have set another language or time zone: the words must be the same.
    everywhere = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    answer = subprocess.run(
        ["ps", "-p", str(pid), "-o", "stat=,lstart="],
        capture_output=True,
        text=True,
        check=False,
        env=everywhere,
    )
    letter, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if letter and not letter.startswith("Z") else None


def descendants(table: Mapping[int, Process], root: int) -> set[int]:
    """The living ones."""
    found: set[int] = set()
    layer = {root}
    while layer:
        layer = {pid for pid, process in table.items() if process.parent in layer} - found
        found |= layer
    return {pid for pid in found if table[pid].letter not in "ZX"}


def marked(run: Path) -> set[int]:
    """Living processes that a run started, found by their environment: Linux only, elsewhere none."""
    if not LINUX:
        return set()
    wanted = os.fsencode(f"{MARK}={run}")
    found = set()
    for pid in _pids():
        with suppress(OSError):  # gone meanwhile, or another user's
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(pid)
    return {pid for pid in found - {os.getpid()} if process_started(pid)}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - a Path for each costs twice the time


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state letter on; the name before it may hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes().decode(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def kill(pid: int, number: int, *, group: bool = False) -> None:
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)
