"""One run from its recipe to its end, in stages: what the commands, the tests and other programs call."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes import record
from hf_recipes.api import planning
from hf_recipes.api.checked import CheckedRecipe, check_recipes
from hf_recipes.backends.base import Backend, BackendUnknown, backend_named
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.environments.call import ask_inference
from hf_recipes.estimates import prices
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import RecipeError
from hf_recipes.record.state import RunState
from hf_recipes.runner.files import read_json, write_json

if TYPE_CHECKING:
    from hf_recipes.api.plan import Plan

Say = Callable[[str], None]
RUN_ID = re.compile(r"[\w-]+-\d{8}-\d{6}-[0-9a-f]{4}")
"""A whole one, as record.create makes them."""


def plan(recipe: Recipe, *, examples: int = 0, say: Say) -> Plan:
    """What a run of this recipe would be. Data and Hub are read where they can be; what could not is named. Raises RecipeError."""
    (checked,) = check_recipes([recipe], to_run=False)
    return planning.plan_checked(checked, examples, say)


def plans(recipes: Sequence[Recipe], *, say: Say) -> list[Plan]:
    """What runs of all these would be; data that several of them share is read once. Raises RecipeError."""
    return planning.plans_checked(check_recipes(recipes, to_run=True), say)


def costs(checked: Sequence[CheckedRecipe], *, say: Say, thorough: bool = True) -> list[prices.Cost | None]:
    """What a run of each may cost by an estimate; None on this machine, which costs nothing.

    Without `thorough` no environment is made for it: the hours may then not be known. Raises RecipeError.
    """
    return planning.costs_checked(checked, say, thorough)


def start(
    checked: CheckedRecipe, *, runs_dir: Path, attached: bool, say: Say, cost: prices.Cost | None = None
) -> Path:
    """Record a run and start it where its recipe says; returns the run's folder.

    An environment that cannot be made, or an interruption meanwhile, is the end of a run that is recorded.
    `attached` ends a run on this machine with this process. Raises RecipeError.
    """
    run = create_run(checked, runs_dir=runs_dir, cost=cost)
    begin(run, attached=attached, say=say)
    return run


def create_run(checked: CheckedRecipe, *, runs_dir: Path, cost: prices.Cost | None = None) -> Path:
    """Record a run that waits for `begin`; returns its folder. Raises RecipeError where no run can be in this folder."""
    here = runs_here(checked.recipe.backend)
    problem = checked.engine.check_runs_dir(runs_dir) if here else None
    if problem is not None:
        raise RecipeError([problem])
    run = record.create(checked.job, checked.recipe.text, runs_dir)
    if cost is not None:
        from hf_recipes.backends.huggingface.submit import COST

        write_json(run / COST, prices.cost_as_json(cost))
    return run


def measure(checked: CheckedRecipe, *, runs_dir: Path, say: Say) -> Path:
    """Record and start a run that trains nothing: the base answers the test rows on this machine. Returns its folder.

    `checked` is what decide.check_measurable has made of the recipe.
    """
    run = record.create(checked.job, checked.recipe.text, runs_dir)
    begin(run, attached=True, say=say)
    return run


def begin(run: Path, *, attached: bool, say: Say) -> None:
    """Start a queued run; one that cannot be started ends here. `attached` ends one on this machine with this process."""
    _backend(run).begin(run, attached=attached, say=say)


def find(name: str, runs_dir: Path) -> Path:
    """The folder of the run that a person means. One that was started from another folder or machine is brought here
    from the account's runs repo, when its whole id is given. Raises RunNotFound, HubFailed."""
    try:
        return record.find_run(name, runs_dir)
    except record.RunNotFound as unknown:
        if not RUN_ID.fullmatch(name):
            raise
        from hf_recipes.backends.huggingface import runs_repo
        from hf_recipes.hub.errors import LOGIN, HubFailed

        try:
            return runs_repo.restore(name, runs_dir)
        except HubFailed as error:
            if error.reason == "not_logged_in":
                said = (
                    f"{unknown}; it could not be looked up on Hugging Face, as you are not logged in; {LOGIN}"
                )
                raise record.RunNotFound(said, unknown.nearest) from None
            if error.reason != "not_found":
                raise
        raise


def bring_all(runs_dir: Path) -> None:
    """Bring the runs of the account that this folder does not know. Raises HubFailed."""
    from hf_recipes.backends.huggingface import runs_repo

    for name in runs_repo.list_remote():
        if RUN_ID.fullmatch(name):
            runs_repo.restore(name, runs_dir)


def refresh(run: Path) -> RunState:
    """The state of a run as it is now, also of one elsewhere. Raises HubFailed when the Hub cannot say, BackendUnknown."""
    return _backend(run).refresh(run)


def look(run: Path, *, patient: bool = True) -> RunState:
    """As refresh, with what a run elsewhere has told brought here. Raises HubFailed; `patient`: not for what may pass by itself."""
    return _backend(run).look(run, patient=patient)


def watch(run: Path) -> Iterator[tuple[RunState, Sequence[Mapping[str, object]]]]:
    """The state of a run with the events since the last look, until it has ended. Raises HubFailed."""
    return _backend(run).watch(run)


def logs(run: Path, *, follow: bool) -> Iterator[str]:
    """What a run has printed; with `follow` as it goes on, until it ends. Raises HubFailed."""
    return _backend(run).logs(run, follow)


def cancel(run: Path) -> RunState:
    """Stop a run and all that it has started; one that has ended stays as it is. Raises HubFailed."""
    return _backend(run).cancel(run)


def run_as_json(run: Path) -> dict[str, object]:
    """The document of `status` and `list`."""
    from hf_recipes.evaluation import run_warnings

    try:
        facts = _backend(run).facts(run)
    except BackendUnknown:
        facts = {}
    return {**record.record_as_json(run), **run_warnings.training_and_warnings(run), **facts}


def evaluate(
    run: Path, settings: Sequence[str] = (), *, anew: bool = False, say: Say
) -> Generator[tuple[RunState, Sequence[Mapping[str, object]]], None, None]:
    """Measure a run again; yields how that stands, as `watch` does. Raises CannotEvaluate, RecipeError."""
    from hf_recipes.api import evaluate as evaluation

    return evaluation.measure_again(run, settings, anew=anew, say=say)


def gate_unmet(run: Path) -> list[Mapping[str, object]]:
    """The bounds of `evaluate.require` that the run's report does not meet."""
    try:
        gates = read_json(run / "report" / "report.json").get("gate", [])
    except FileNotFoundError:
        return []
    except ValueError:
        return [{"metric": "report.json", "value": "damaged", "bound": "a report that can be read"}]
    return [gate for gate in gates if not gate.get("met")]


def export(recipe: Recipe, *, output: Path, say: Say) -> list[Path]:
    """Write the recipe in its engine's own form, and the converted data where there is any, to `output`; returns what was written.

    Raises RecipeError, environments.EnvironmentFailed.
    """
    (checked,) = check_recipes([recipe], to_run=False)
    engine = checked.engine
    output.mkdir(parents=True, exist_ok=True)
    base_model = recipe.base_model
    if engine.export_needs_data(recipe) or base_model.startswith("bundled/"):
        answer = ask_inference(
            "hf_recipes.steps.prepare.export", planning.request(checked.job), say, str(output.absolute())
        )
        base_model = str(answer["base_model"])
    for name, text in engine.export(recipe, checked.machine, base_model=base_model).items():
        (output / name).write_text(text, encoding="utf-8")
    return sorted(path for path in output.rglob("*") if path.is_file())


def _backend(run: Path) -> Backend:
    return backend_named(record.read_state(run).backend)
