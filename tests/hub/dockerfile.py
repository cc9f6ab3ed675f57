"""A Dockerfile read as far as a process needs it: ENV, WORKDIR and CMD. FROM, RUN, COPY and the rest aren't executed."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

PASSED = {"FROM", "RUN", "COPY", "ADD", "ARG", "USER", "EXPOSE", "LABEL", "SHELL", "STOPSIGNAL", "VOLUME", "HEALTHCHECK"}  # fmt: skip


class BuildFailed(Exception):
    """What the repo holds can't be built: the stage that the Space ends in, and the words."""

    def __init__(self, message: str, stage: str = "BUILD_ERROR") -> None:
        super().__init__(message)
        self.stage = stage


@dataclass
class Dockerfile:
    argv: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    instructions: list[str] = field(default_factory=list)

    def command(self, folder: str) -> tuple[str, ...]:
        """CMD with the working directory of the image standing for `folder`, where the repo's files lie."""
        if self.workdir == "/":
            return self.argv
        inside = re.compile(rf"(?<![\w./-]){re.escape(self.workdir)}(?=/|$|\s)")
        return tuple(inside.sub(folder.replace("\\", r"\\"), each) for each in self.argv)


def parse(text: str, base: Mapping[str, str]) -> Dockerfile:
    """base: the environment of the image it is FROM, for `ENV PATH=$HOME/bin:$PATH`. Raises BuildFailed."""
    found = Dockerfile()
    for line in logical_lines(text):
        name, _, rest = line.partition(" ")
        name, rest = name.upper(), rest.strip()
        found.instructions.append(f"{name} {rest}")
        if name == "ENV":
            found.environment.update(env(rest, {**base, **found.environment}))
        elif name == "WORKDIR":
            found.workdir = expand(rest, {**base, **found.environment}).rstrip("/") or "/"
        elif name == "CMD":
            found.argv = command(rest)
        elif name not in PASSED:
            raise BuildFailed(f"dockerfile parse error: the stand-in doesn't speak {name}")
    if not any(each.startswith("FROM ") for each in found.instructions):
        raise BuildFailed("dockerfile parse error: no build stage in current context")
    if not found.argv:
        raise BuildFailed("the stand-in knows no image's own command: the Dockerfile needs a CMD")
    return found


def logical_lines(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\[ \t]*\n", " ", "\n".join(lines))
    return [line.strip() for line in joined.splitlines() if line.strip()]


def env(rest: str, known: Mapping[str, str]) -> dict[str, str]:
    """`ENV a=1 b="two words"`, and the old `ENV a 1`."""
    first = rest.split(maxsplit=1)
    if "=" not in first[0]:
        return {first[0]: expand(first[1] if len(first) > 1 else "", known)}
    pairs = (each.partition("=") for each in shlex.split(rest))
    return {name: expand(value, known) for name, _, value in pairs}


def expand(value: str, known: Mapping[str, str]) -> str:
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda each: known.get(each[1] or each[2], ""), value)


def command(rest: str) -> tuple[str, ...]:
    """Exec form where it is a JSON list of strings, else shell form, as Docker decides."""
    try:
        listed = json.loads(rest)
    except ValueError:
        return ("/bin/sh", "-c", rest)
    return tuple(map(str, listed)) if isinstance(listed, list) else ("/bin/sh", "-c", rest)
