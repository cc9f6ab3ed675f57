"""One maker at a time: what is made once and used by many is made under a lock that others wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path, *, say: Callable[[str], None], making: str) -> Iterator[None]:
    """Hold the lock beside `folder`; a process that has to wait says so once. Raises OSError."""
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another hf-recipes that is {making} {folder.name}")
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()
