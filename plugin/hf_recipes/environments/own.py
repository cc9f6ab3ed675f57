"""A person's own interpreter in the place of one that we make."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from hf_recipes.environments.failed import EnvironmentFailed
from hf_recipes.environments.sets import RequirementSet

LACKING = """
import importlib.metadata as metadata, json, sys
lacking = []
for name in sys.argv[1:]:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        lacking.append(name)
print(json.dumps(lacking))
"""


def own(requirements: RequirementSet) -> Path | None:
    """The interpreter that the set's variable names, or None where it names none.

    Raises EnvironmentFailed when it does not run or lacks a package that the set asks for.
    """
    value = os.environ.get(requirements.variable)
    return _checked(value, requirements) if value else None


@cache
def _checked(value: str, requirements: RequirementSet) -> Path:
    found = shutil.which(Path(value).expanduser())
    if found is None:
        raise EnvironmentFailed(f"{requirements.variable}: {value} is no program that can be run")
    python = Path(found).absolute()
    try:
        command = [str(python), "-c", LACKING, *requirements.packages()]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        lacking = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        raise EnvironmentFailed(
            f"{requirements.variable}: {value} is no Python interpreter that runs"
        ) from None
    if lacking:
        raise EnvironmentFailed(
            f"{requirements.variable}: {value} lacks {', '.join(lacking)}; install what {requirements.name} needs there"
            f" ({', '.join(file.name for file in requirements.requirements)}), or unset the variable to have an environment made"
        )
    return python
