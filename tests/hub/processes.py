"""A container without Docker: a real process with exactly the environment it is given, that dies with all its children."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.state import now

GRACE = 10.0  # seconds between SIGTERM and SIGKILL, as Docker's


@dataclass(frozen=True)
class Started:
    """A process as it was started: what it ran and where each name in its environment came from, without values."""

    kind: str  # "space" or "job"
    id: str
    argv: tuple[str, ...]
    folder: Path
    origins: Mapping[str, str]  # name → "image", "dockerfile", "hub", "variable" or "secret"

    def names(self, origin: str) -> set[str]:
        return {name for name, each in self.origins.items() if each == origin}


@dataclass
class Machines:
    """What tests set for everything that runs, and what they look at afterwards."""

    folder: Path
    endpoint: str
    image: Mapping[str, str] = field(default_factory=dict)
    builds_fail: str | None = None
    builds_hang: bool = False
    grace: float = GRACE
    launch_seconds: float = 1800.0  # a Space that doesn't answer for so long has failed to launch
    started: list[Started] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    closed: bool = False

    def new_folder(self) -> Path:
        """The root of a container: `home` is the user's, `app` the working directory."""
        root = Path(tempfile.mkdtemp(prefix="container-", dir=self.folder))
        for name in ("app", "home", "tmp"):
            (root / name).mkdir()
        return root

    def image_of(self, root: Path) -> dict[str, str]:
        """What the image brings with it, before the Dockerfile's own ENV. A test's `image` has the last word."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "HF_ENDPOINT": self.endpoint,
            **self.image,
        }

    def start(
        self,
        kind: str,
        id: str,
        argv: tuple[str, ...],
        root: Path,
        given: Mapping[str, tuple[str, str]],
        heard: Callable[[str], None],
        ended: Callable[[int], None],
    ) -> Container:
        """given: name → (value, origin). Raises OSError when there is no such program."""
        origins = {name: origin for name, (_, origin) in given.items()}
        self.started.append(Started(kind, id, argv, root / "app", origins))
        environment = {name: value for name, (value, _) in given.items()}
        container = Container(argv, environment, root, heard, ended)
        self.containers.append(container)
        return container

    def spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def close(self, lock: threading.RLock) -> None:
        """Nothing starts any more (what starts, does so under this lock), and nothing that did is left."""
        with lock:
            self.closed = True
        for container in self.containers:
            container.kill()
        for container in self.containers:
            container.join()
        for thread in list(self.threads):
            thread.join(10)


class Container:
    """Runs from its making on. `heard` gets each line of output, `ended` the exit code once everything was read."""

    def __init__(
        self,
        argv: tuple[str, ...],
        environment: Mapping[str, str],
        root: Path,
        heard: Callable[[str], None],
        ended: Callable[[int], None],
    ) -> None:
        self.root, self._heard, self._ended = root, heard, ended
        # Of a session of its own, so that a signal to the tests doesn't reach it and one to it not the tests.
        self.process = subprocess.Popen(
            argv, env=dict(environment), cwd=root / "app", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._reader.start()
        self._waiter.start()

    def stop(self, grace: float) -> None:
        """As Docker does: SIGTERM to the first process alone, SIGKILL to all that is left when the grace is over.

        No grace, no SIGTERM: on a busy machine even that short a time would do for a last word.
        """
        if grace:
            self._signal(signal.SIGTERM)
            self._waiter.join(grace)
        self.kill()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def join(self) -> None:
        """Until no process of it is left."""
        self._waiter.join(20)

    @property
    def alive(self) -> bool:
        return self._waiter.is_alive()

    def _signal(self, number: int) -> None:
        # poll() is left to the waiter: a pid that was waited for may belong to somebody else by now.
        if self.process.returncode is None:
            self.process.send_signal(number)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._heard(line.decode(errors="replace"))

    def _wait(self) -> None:
        code = self.process.wait()
        # When the first process of a container ends, the kernel ends the others: whatever session they are of.
        while left := inhabitants(self.root, self.process.pid):
            for pid in left:
                _kill(pid)
            self._reader.join(0.02)
        self._reader.join(5)
        self._ended(code if code >= 0 else 128 - code)


def inhabitants(root: Path, session: int) -> list[int]:
    """Processes that belong to the container: of its session, or with its folder in their environment."""
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            if _session(process.pid) == session or any(
                str(root) in value for value in process.environ().values()
            ):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


class Log:
    """Lines with the time they came at, as the Hub keeps them."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def write(self, text: str) -> None:
        self.lines.append((now(), text))

    @property
    def text(self) -> str:
        return "".join(line if line.endswith("\n") else line + "\n" for _, line in self.lines)
