"""What stands in an environment's folder once it is complete, and whether it still works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "hf-recipes.json"


@dataclass(frozen=True)
class EnvironmentRecord:
    """Written last: an environment without it is none."""

    name: str
    digest: str
    files: dict[str, int]
    """What must be there, relative to the environment: path → size in bytes."""
    packages: dict[str, str]
    seconds: float
    schema: int = 1


def interpreter(environment: Path) -> Path:
    return environment / "bin" / "python"


def write_made(environment: Path, made: EnvironmentRecord) -> None:
    (environment / NAME).write_text(json.dumps(asdict(made)), encoding="utf-8")


def read_made(environment: Path) -> EnvironmentRecord | None:
    """None where nothing was completed, or what stands there cannot be understood."""
    try:
        return EnvironmentRecord(**json.loads((environment / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def works(environment: Path) -> bool:
    """Whether it was completed, nothing that counts has gone or changed size, and its interpreter runs. About 0.1 s."""
    made = read_made(environment)
    if made is None:
        return False
    try:
        intact = all((environment / path).stat().st_size == size for path, size in made.files.items())
    except OSError:
        return False
    return intact and runs(interpreter(environment))


def runs(python: Path) -> bool:
    try:
        command = [str(python), "-I", "-S", "-c", "import math"]
        return (
            subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def what_counts(environment: Path) -> dict[str, int]:
    """The files whose loss shows: every package's __init__.py and compiled code, and every release's own record."""
    return {str(path.relative_to(environment)): path.stat().st_size for path in _counting(environment)}


def _counting(environment: Path) -> Iterator[Path]:
    yield environment / "pyvenv.cfg"
    for packages in environment.glob("lib/python3.*/site-packages"):
        for pattern in ("*.dist-info/METADATA", "*.dist-info/RECORD", "**/__init__.py", "**/*.so*"):
            yield from (path for path in packages.glob(pattern) if path.is_file())


def versions(environment: Path) -> dict[str, str]:
    """Name → version of every package installed."""
    folders = environment.glob("lib/python3.*/site-packages/*.dist-info")
    pairs = (folder.name.removesuffix(".dist-info").rsplit("-", 1) for folder in folders)
    return dict(sorted((name.lower().replace("_", "-"), version) for name, version in pairs))
