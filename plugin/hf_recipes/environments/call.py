"""Asking one of our modules in the inference environment: JSON in, one JSON document out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from hf_recipes import environments
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.runner.environment import child_environment

SAID = "::say "
"""How a line of stderr begins that is for the person who waits; libraries print there, too."""
PROGRESS = "::progress "
"""How a line of stderr begins that tells how far it is; one JSON document follows."""
ENDLESS = "the base's chat template does not end, or the processor time that ulimit -t allows is used up"
Hear = Callable[[Mapping[str, Any]], None]


def ask_inference(
    module: str,
    request: Mapping[str, object],
    say: Callable[[str], None],
    *arguments: str,
    hear: Hear | None = None,
) -> Mapping[str, object]:
    """What the module says meanwhile goes to `say`, and how far it is to `hear`. Raises EnvironmentFailed, and RecipeError for the problems in the answer."""
    python = environments.ensure("inference", say=say)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as question,
        tempfile.TemporaryFile("w+", encoding="utf-8") as answer,
    ):
        json.dump(request, question, default=str)
        question.seek(0)
        code, last = _ran([str(python), "-m", module, *arguments], question, answer, say, hear)
        if code == -signal.SIGXCPU:
            raise environments.EnvironmentFailed(ENDLESS)
        if code:
            raise environments.EnvironmentFailed(f"{module} failed in the inference environment: {last}")
        answer.seek(0)
        document: dict[str, object] = json.loads(answer.read() or "{}")
    problems = document.get("problems")
    if isinstance(problems, list) and problems:
        # A file with thousands of broken rows: the first are listed, and that there are more is said.
        notes = document.get("notes")
        for note in notes if isinstance(notes, list) else ():
            say(str(note))
        raise RecipeError(Problem(**problem) for problem in problems)
    return document


def _ran(
    command: Sequence[str],
    question: IO[str],
    answer: IO[str],
    say: Callable[[str], None],
    hear: Hear | None,
) -> tuple[int, str]:
    """Run it to its end; returns its exit code and its last line of stderr. It ends when we are interrupted."""
    environment = {**child_environment(os.environ), "PYTHONPATH": str(environments.package_path())}
    last = "no message"
    with subprocess.Popen(
        command,
        stdin=question,
        stdout=answer,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
    ) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if line.startswith(SAID):
                    say(line.removeprefix(SAID).rstrip())
                elif line.startswith(PROGRESS):
                    if hear:
                        hear(json.loads(line.removeprefix(PROGRESS)))
                else:
                    last = line.strip() or last
        except BaseException:
            process.kill()
            raise
    return process.returncode, last
