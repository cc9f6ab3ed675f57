"""Asking one of our modules in the inference environment: JSON in, one JSON document out."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping

from hf_recipes import environments
from hf_recipes.recipe.problem import Problem, RecipeError


def ask_inference(
    module: str, request: Mapping[str, object], say: Callable[[str], None], *arguments: str
) -> Mapping[str, object]:
    """Raises EnvironmentFailed, and RecipeError for the problems that the answer holds."""
    python = environments.ensure("inference", say=say)
    answer = subprocess.run(
        [str(python), "-m", module, *arguments],
        input=json.dumps(request, default=str),
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(environments.package_path())},
    )
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["no message"])[-1]
        raise environments.EnvironmentFailed(f"{module} failed in the inference environment: {last}")
    document: dict[str, object] = json.loads(answer.stdout or "{}")
    problems = document.get("problems")
    if isinstance(problems, list) and problems:
        raise RecipeError(Problem(**problem) for problem in problems)
    return document
