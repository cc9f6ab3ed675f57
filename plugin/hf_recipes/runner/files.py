"""The files of a run, each written in one way: hf_recipes.record uses these too."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of a full disk."""
JOB: Mapping[tuple[str, ...], type] = {
    ("project_name", "task", "base_model", "backend"): str,
    ("steps", "secrets", "settings"): list,
    ("params", "data", "evaluate", "compare", "push", "overrides", "files"): dict,
}
"""Keys of a job → the type of their values, where they are there."""
REMEDY = "put back what was there, or run its recipe.yml again"


def now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


class Damaged(ValueError):
    """A file of a run is there, and is not what was written; the message names it and says what can be done."""


def parsed(text: str) -> Any:
    """JSON as a value. Raises ValueError, also for what is nested beyond reason."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path) -> dict[str, Any]:
    """Raises OSError, Damaged."""
    try:
        document = parsed(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Damaged(f"{path} is damaged ({error}); {REMEDY}") from None
    if not isinstance(document, dict):
        raise Damaged(f"{path} is damaged (it is no JSON object); {REMEDY}")
    return document


def read_object(path: Path) -> dict[str, Any]:
    """As read_json; empty where there is no such file, or it is damaged."""
    try:
        return read_json(path)
    except (OSError, ValueError):
        return {}


def read_job(run: Path) -> dict[str, Any]:
    """The job of a run; what it has is of its type. Raises OSError, Damaged."""
    job = read_json(run / "job.json")
    for names, kind in JOB.items():
        for name in names:
            if job.get(name) is not None and not isinstance(job[name], kind):
                raise Damaged(f"{run / 'job.json'} is damaged ({name} is no {kind.__name__}); {REMEDY}")
    items = (("steps", dict), ("secrets", str))
    if not all(isinstance(item, kind) for name, kind in items for item in job.get(name) or ()):
        raise Damaged(f"{run / 'job.json'} is damaged (its steps or secrets are none); {REMEDY}")
    return job


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a file in one move: a reader, or a power cut, finds the old text or the new one, never a part."""
    # A leading dot and our pid: two writers never share the file, and a leftover is plainly one.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # Half a character, as in a name that is no UTF-8, becomes JSON's own escape: what is read again is the same.
        with temporary.open("w", encoding="utf-8", errors="backslashreplace") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def update_state(run: Path, **changes: Any) -> dict[str, Any]:
    """Change fields of state.json; the others, also ones unknown here, stay. Call it with the lock held."""
    state = {**read_json(run / "state.json"), **changes, "updated": now()}
    write_json(run / "state.json", state)
    return state


def take_lock(run: Path, *, wait: float = 0.0) -> int | None:
    """The run's lock as a file descriptor (close it to release), or None while another holds it. Raises OSError."""
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
        time.sleep(0.05)
