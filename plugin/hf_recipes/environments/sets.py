"""The requirement sets: what each interpreter holds, from pinned files that travel with the package."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from hf_recipes.environments.failed import EnvironmentFailed
from hf_recipes.resources import shipped

FILES = Path(__file__).resolve().parent / "requirements"
ENGINES = Path(__file__).resolve().parents[1] / "engines"

# Raised when the way an environment is made changes, so that those made before are not taken for it.
LAYOUT = 1


@dataclass(frozen=True)
class RequirementSet:
    name: str
    requirements: tuple[Path, ...]
    """What is asked for, pinned."""
    pins: tuple[Path, ...]
    """Constraints: the release of everything that comes along."""
    overrides: tuple[Path, ...]
    """Laid over what the packages themselves ask for."""
    variable: str
    """The environment variable by which a person names an interpreter of their own."""
    oldest: tuple[int, int] = (3, 10)
    """The first Python that its releases have wheels for."""

    def digest(self, python: str) -> str:
        """12 hex digits of what the environment holds, for an interpreter such as `cpython-311`."""
        files = [*self.requirements, *self.pins, *self.overrides]
        content = [f"{LAYOUT} {python}".encode(), *(path.read_bytes() for path in files)]
        return hashlib.sha256(b"\0".join(content)).hexdigest()[:12]

    def packages(self) -> tuple[str, ...]:
        """The names asked for, each once, in the file's order."""
        lines = [line for file in self.requirements for line in file.read_text(encoding="utf-8").splitlines()]
        names = (match[0] for line in lines if (match := re.match(r"[A-Za-z0-9][\w.-]*", line)))
        return tuple(dict.fromkeys(names))


def set_names() -> tuple[str, ...]:
    return ("inference", *_of_engines())


def requirement_set(name: str) -> RequirementSet:
    """Raises EnvironmentFailed for a name that is none, or an installation without its files."""
    if name == "inference":
        return _inference()
    if name not in _of_engines():
        near = get_close_matches(name, set_names(), 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(set_names())}"
        raise EnvironmentFailed(f"no environment is called {name!r}; {hint}")
    return _of_engines()[name]


def _inference() -> RequirementSet:
    files = (_space_requirements(), FILES / "evaluation.txt")
    pins = (FILES / "inference-pins.txt",)
    return RequirementSet("inference", files, pins, (), "HF_RECIPES_INFERENCE_PYTHON")


@cache
def _of_engines() -> dict[str, RequirementSet]:
    """Name → the set. An engine that needs an interpreter of its own has a folder `requirements` with a sets.json."""
    return {
        name: _read(name, found, file.parent)
        for file in sorted(ENGINES.glob("*/requirements/sets.json"))
        for name, found in json.loads(file.read_text(encoding="utf-8")).items()
    }


def _read(name: str, found: Mapping[str, Any], folder: Path) -> RequirementSet:
    """`found`: a set of a sets.json in `folder`. One that extends `inference` holds all of that, too."""
    base = _inference() if found.get("extends") == "inference" else None
    return RequirementSet(
        name,
        (*(base.requirements if base else ()), *(folder / path for path in found["requirements"])),
        (*(base.pins if base else ()), folder / found["pins"]),
        tuple(folder / path for path in found.get("overrides", ())),
        found["variable"],
        tuple(found.get("oldest", RequirementSet.oldest)),
    )


def _space_requirements() -> Path:
    try:
        return shipped("space") / "requirements.txt"
    except FileNotFoundError as error:
        raise EnvironmentFailed(f"{error.strerror} {error.filename}; install it again") from None
