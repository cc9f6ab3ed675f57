"""The guard: a second process that waits on a pipe from the runner and kills what the runner started when it breaks.

python guard.py RUN
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

from hf_recipes.runner.processes import kill, marked


def guard(run: Path) -> None:
    """Wait until the runner is gone; kill what it had started, unless it said goodbye.

    stdin holds lines: `group N`, `over N`, `bye`.
    """
    groups: set[int] = set()
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "bye":
            return
        if word == "group":
            groups.add(int(number))
        else:
            groups.discard(int(number))
    for group in groups:
        kill(group, signal.SIGKILL, group=True)
    deadline = time.monotonic() + 5
    # A process may be born while its parent is being killed: look until none is left.
    while time.monotonic() < deadline and (strays := marked(run)):
        for pid in strays:
            kill(pid, signal.SIGKILL)
        time.sleep(0.1)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
