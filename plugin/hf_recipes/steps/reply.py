"""The main of a module that is asked for a folder: a job on stdin, one JSON document on stdout, its problems among it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import DataError
from hf_recipes.record.job import Job, job_from
from hf_recipes.runner.causes import StepFailed


def reply(work: Callable[[Job, Path], Mapping[str, Any]], nothing: Mapping[str, Any]) -> int:
    """Write to the folder that the one argument names; `nothing` is what is answered beside the problems. The exit code."""
    if len(sys.argv) != 2:
        sys.stderr.write("expected one argument: the folder to write to\n")
        return 2
    try:
        answer = work(job_from(json.load(sys.stdin)), Path(sys.argv[1]).resolve())
    except DataError as error:
        answer = {**nothing, "problems": [problem.as_dict() for problem in error.problems]}
    except StepFailed as failure:
        sys.stderr.write(failure.message + "\n")
        return 1
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0
