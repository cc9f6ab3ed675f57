"""Folders that AutoTrain cannot read data from: the release of `datasets` that it is pinned to reads a path as a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.recipe import Problem, Recipe, problem_at

PATTERN = re.compile(r"\$(?=[A-Za-z_{])|[*?\[\n\r]|::")
"""Variables are filled in, `*`, `?` and `[` match other folders (which would be trained on), `::` chains archives."""
LONGEST = 2000
"""Characters: the system takes 4,096, and what training writes lies some hundred deeper."""
CODE = "unusable-place"


def check_runs_dir(runs_dir: Path) -> Problem | None:
    place = runs_dir.absolute()
    why = _unusable(place)
    if not why:
        return None
    hint = "name another folder with --runs-dir"
    return Problem(str(runs_dir), 0, 0, CODE, f"a run cannot be trained in this folder: {why}", hint)


def unusable_data(recipe: Recipe) -> Iterator[Problem]:
    """For images, which the trainer reads in place; other rows are first converted into the run's folder."""
    if recipe.task in IMAGE_TASKS and recipe.data.local and (why := _unusable(Path(recipe.data.path))):
        yield problem_at(
            recipe, "data.path", CODE, f"images cannot be read there: {why}", "rename or move the folder"
        )


def _unusable(place: Path) -> str:
    text = str(place)
    if found := PATTERN.search(text):
        return f"AutoTrain reads {found.group()!r} in a path as a pattern and not as a name"
    if len(text) > LONGEST:
        return f"its path has {len(text):,} characters, more than {LONGEST:,}"
    return ""
