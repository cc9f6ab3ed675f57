"""Asking one of our modules in the inference environment: JSON in, one JSON document out."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO, Any

from hf_recipes import environments
from hf_recipes.recipe.problem import Problem, RecipeError

PROGRESS = "::progress "
"""How a line of stderr begins that is not said but heard: one JSON document follows."""


def ask_inference(
    module: str,
    request: Mapping[str, object],
    say: Callable[[str], None],
    *arguments: str,
    hear: Callable[[Mapping[str, Any]], None] | None = None,
) -> Mapping[str, object]:
    """`hear` is given the progress of a module that tells any, from a thread of its own.

    Raises EnvironmentFailed, and RecipeError for the problems that the answer holds.
    """
    python = environments.ensure("inference", say=say)
    with subprocess.Popen(
        [str(python), "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(environments.package_path())},
    ) as asked:
        assert asked.stdin and asked.stdout and asked.stderr
        said: list[str] = []
        listener = threading.Thread(target=_listen, args=(asked.stderr, said, hear), daemon=True)
        listener.start()
        try:
            _send(asked.stdin, json.dumps(request, default=str))
            answer = asked.stdout.read()
            asked.wait()
        except BaseException:
            asked.kill()
            listener.join(timeout=1)
            raise
        listener.join()
    if asked.returncode:
        last = (said or ["no message"])[-1]
        raise environments.EnvironmentFailed(f"{module} failed in the inference environment: {last}")
    document: dict[str, object] = json.loads(answer or "{}")
    problems = document.get("problems")
    if isinstance(problems, list) and problems:
        raise RecipeError(Problem(**problem) for problem in problems)
    return document


def _send(stdin: IO[str], text: str) -> None:
    try:
        with stdin:
            stdin.write(text)
    except BrokenPipeError:
        pass  # it has ended already, and says why


def _listen(stderr: IO[str], said: list[str], hear: Callable[[Mapping[str, Any]], None] | None) -> None:
    """The last line that is no progress is kept in `said`."""
    for line in stderr:
        if line.startswith(PROGRESS):
            if hear:
                hear(json.loads(line[len(PROGRESS) :]))
        elif line.strip():
            said[:] = [line.strip()]
