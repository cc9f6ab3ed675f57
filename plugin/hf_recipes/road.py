"""The stages in order: what the commands, the tests and other programs call. The only module that joins the rooms."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes import environments, record
from hf_recipes.backends import local
from hf_recipes.engines import autotrain
from hf_recipes.engines.base import Base, read_base
from hf_recipes.engines.job import Job
from hf_recipes.recipe import load
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.record.state import Reason, State
from hf_recipes.runner.files import read_json

if TYPE_CHECKING:
    from hf_recipes.engines.plan import Plan

Say = Callable[[str], None]


def translate(path: Path, settings: Sequence[str] = ()) -> tuple[Recipe, Job]:
    """Validate a recipe and translate it for this machine. Raises RecipeError with every problem."""
    recipe = load(path, settings=settings)
    machine = local.machine()
    problems = autotrain.check(recipe, machine)
    if problems:
        raise RecipeError(problems)
    size = read_base(recipe.base_model)
    return recipe, autotrain.translate(recipe, machine, size if isinstance(size, Base) else None)


def plan(path: Path, settings: Sequence[str] = (), *, examples: int = 0, say: Say) -> Plan:
    """What a run of this recipe would be. Data and Hub are read where they can be; what could not is named."""
    from hf_recipes.engines.plan import make_plan

    recipe, job = translate(path, settings)
    return make_plan(recipe, job, local.machine(), _inspect(job, examples, say))


def start(path: Path, settings: Sequence[str] = (), *, runs_dir: Path, attached: bool, say: Say) -> Path:
    """Record a run and start it on this machine; returns the run's folder.

    An environment that cannot be made, or an interruption meanwhile, is the end of a run that is recorded.
    `attached` ends the run with this process. Raises RecipeError.
    """
    run = create(path, settings, runs_dir=runs_dir)
    begin(run, attached=attached, say=say)
    return run


def create(path: Path, settings: Sequence[str] = (), *, runs_dir: Path) -> Path:
    """Record a run that waits for `begin`; returns its folder. Raises RecipeError."""
    recipe, job = translate(path, settings)
    problems = autotrain.cannot_run(recipe)
    if problems:
        raise RecipeError(problems)
    return record.create(job, recipe.text, runs_dir)


def begin(run: Path, *, attached: bool, say: Say) -> None:
    """Start a queued run; one that cannot be started ends here. `attached` ends it with this process."""
    steps = read_json(run / "job.json")["steps"]
    try:
        needed = dict.fromkeys(step["requirements"] for step in steps if step["requirements"] != "core")
        pythons = {name: environments.ensure(name, say=say) for name in needed}
        local.start(run, pythons=pythons, attached=attached, package=environments.package_path())
    except environments.EnvironmentFailed as error:
        record.end(run, State.FAILED, Reason.ENVIRONMENT_FAILED, str(error))
    except KeyboardInterrupt:
        record.end(run, State.CANCELLED, Reason.CANCELLED, "cancelled before training began")
        raise


def gate_unmet(run: Path) -> list[Mapping[str, object]]:
    """The bounds of `evaluate.require` that the run's report does not meet."""
    path = run / "report" / "report.json"
    if not path.exists():
        return []
    gates = json.loads(path.read_text(encoding="utf-8")).get("gate", [])
    return [gate for gate in gates if not gate.get("met")]


def export(path: Path, settings: Sequence[str] = (), *, output: Path, say: Say) -> list[Path]:
    """Write a plain AutoTrain config, and the converted data where there is any, to `output`; returns what was written.

    Raises RecipeError, environments.EnvironmentFailed.
    """
    recipe, job = translate(path, settings)
    output.mkdir(parents=True, exist_ok=True)
    base_model = recipe.base_model
    if autotrain.export_needs_data(recipe) or base_model.startswith("bundled/"):
        answer = _call_inference("hf_recipes.inference.export", _request(job, 0), say, str(output.absolute()))
        base_model = str(answer["base_model"])
    config = output / "config.yml"
    config.write_text(autotrain.export(recipe, local.machine(), base_model=base_model), encoding="utf-8")
    return sorted(path for path in output.rglob("*") if path.is_file())


def _inspect(job: Job, examples: int, say: Say) -> Mapping[str, object]:
    try:
        return _call_inference("hf_recipes.inference.inspect", _request(job, examples), say)
    except environments.EnvironmentFailed as error:
        return {"unread": {"data": str(error)}}


def _request(job: Job, examples: int) -> dict[str, object]:
    return {**asdict(job), "examples": examples}


def _call_inference(
    module: str, request: Mapping[str, object], say: Say, *arguments: str
) -> Mapping[str, object]:
    """Run one of our modules in the inference environment: JSON in on stdin, one JSON document out."""
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
