"""One run from its recipe to its end, in stages: what the commands, the tests and other programs call."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes import environments, record
from hf_recipes.api import planning
from hf_recipes.backends import local
from hf_recipes.engines import autotrain
from hf_recipes.engines.job import Job
from hf_recipes.environments.call import ask_inference
from hf_recipes.estimates import prices
from hf_recipes.estimates.model_size import base_of
from hf_recipes.recipe import load
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import RecipeError
from hf_recipes.record.state import Reason, RunState, State
from hf_recipes.runner.files import read_job, read_json, write_json

if TYPE_CHECKING:
    from hf_recipes.api.plan import Plan

Say = Callable[[str], None]
RUN_ID = re.compile(r"[\w-]+-\d{8}-\d{6}-[0-9a-f]{4}")
"""A whole one, as record.create makes them."""


def translate(path: Path, settings: Sequence[str] = ()) -> tuple[Recipe, Job]:
    """Validate a recipe and translate it for this machine. Raises RecipeError with every problem."""
    recipe = _valid(path, settings)
    return recipe, planning.translated(recipe)[0]


def _valid(path: Path, settings: Sequence[str]) -> Recipe:
    recipe = load(path, settings=settings)
    problems = [*autotrain.check(recipe, local.machine()), *autotrain.check_base(recipe, base_of(recipe))]
    if problems:
        raise RecipeError(dict.fromkeys(problems))
    return recipe


def plan(path: Path, settings: Sequence[str] = (), *, examples: int = 0, say: Say) -> Plan:
    """What a run of this recipe would be. Data and Hub are read where they can be; what could not is named. Raises RecipeError."""
    return planning.plan(_valid(path, settings), examples, say)


def plans(recipes: Sequence[Recipe], *, say: Say) -> list[Plan]:
    """What runs of all these would be; data that several of them share is read once. Raises RecipeError."""
    check(recipes)
    return planning.plans(recipes, say)


def costs(recipes: Sequence[Recipe], *, say: Say, thorough: bool = True) -> list[prices.Cost | None]:
    """What a run of each may cost by an estimate; None on this machine, which costs nothing.

    Without `thorough` no environment is made for it: the hours may then not be known. Raises RecipeError.
    """
    return planning.costs(recipes, say, thorough)


def check(recipes: Sequence[Recipe]) -> None:
    """Raises RecipeError with everything that keeps any of them from running."""
    here = local.machine()
    found = [problem for recipe in recipes for problem in autotrain.check(recipe, here)]
    found += [problem for recipe in recipes for problem in autotrain.cannot_run(recipe)]
    found += [problem for recipe in recipes for problem in autotrain.check_base(recipe, base_of(recipe))]
    if found:
        raise RecipeError(dict.fromkeys(found))


def start(
    recipe: Recipe, *, runs_dir: Path, attached: bool, say: Say, cost: prices.Cost | None = None
) -> Path:
    """Record a run and start it where its recipe says; returns the run's folder.

    An environment that cannot be made, or an interruption meanwhile, is the end of a run that is recorded.
    `attached` ends a run on this machine with this process. Raises RecipeError.
    """
    run = create(recipe, runs_dir=runs_dir, cost=cost)
    begin(run, attached=attached, say=say)
    return run


def create(recipe: Recipe, *, runs_dir: Path, cost: prices.Cost | None = None) -> Path:
    """Record a run that waits for `begin`; returns its folder. Raises RecipeError."""
    check([recipe])
    problem = None if _elsewhere(recipe.backend) else autotrain.unusable_runs_dir(runs_dir)
    if problem is not None:
        raise RecipeError([problem])
    run = record.create(planning.translated(recipe)[0], recipe.text, runs_dir)
    if cost is not None:
        from hf_recipes.backends.huggingface.submit import COST

        write_json(run / COST, prices.as_json(cost))
    return run


def measure(recipe: Recipe, *, runs_dir: Path, say: Say) -> Path:
    """Record and start a run that trains nothing: the base answers the test rows on this machine. Returns its folder.

    Raises RecipeError where the recipe cannot be measured.
    """
    from hf_recipes.api import decide

    job = decide.job_of(recipe)
    if problems := autotrain.unusable(recipe, base_of(recipe)):
        raise RecipeError(problems)
    run = record.create(job, recipe.text, runs_dir)
    begin(run, attached=True, say=say)
    return run


def begin(run: Path, *, attached: bool, say: Say) -> None:
    """Start a queued run; one that cannot be started ends here. `attached` ends one on this machine with this process."""
    if _elsewhere(record.read_state(run).backend):
        from hf_recipes.backends.huggingface import submit

        submit.begin(run, say=say)
        return
    job = read_job(run)
    if job.get("push") and not _can_be_pushed(run):
        return
    try:
        needed = dict.fromkeys(
            step["requirements"] for step in job["steps"] if step["requirements"] != "core"
        )
        pythons = {name: environments.ensure(name, say=say) for name in needed}
        local.start(run, pythons=pythons, attached=attached, package=environments.package_path())
    except environments.EnvironmentFailed as error:
        record.end(run, State.FAILED, Reason.ENVIRONMENT_FAILED, str(error))
    except KeyboardInterrupt:
        record.end(run, State.CANCELLED, Reason.CANCELLED, "cancelled before training began")
        raise


def _can_be_pushed(run: Path) -> bool:
    """Whether the model's repo may be written to, found out before hours are spent; if not, the run ends here."""
    from hf_recipes.hub.errors import HubFailed
    from hf_recipes.hub.publish.push import check_target

    try:
        check_target(run)
    except HubFailed as error:
        record.end(run, State.FAILED, Reason.START_FAILED, str(error))
        return False
    return True


def find(name: str, runs_dir: Path) -> Path:
    """The folder of the run that a person means. One that was started from another folder or machine is brought here
    from the account's runs repo, when its whole id is given. Raises RunNotFound, HubFailed."""
    try:
        return record.find(name, runs_dir)
    except record.RunNotFound as unknown:
        if not RUN_ID.fullmatch(name):
            raise
        from hf_recipes.backends.huggingface import runs_repo
        from hf_recipes.hub.errors import LOGIN, HubFailed

        try:
            return runs_repo.restore(name, runs_dir)
        except HubFailed as error:
            if error.reason == "not_logged_in":
                said = f"{unknown}; on Hugging Face nobody could look, as you are not logged in; {LOGIN}"
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
    """The state of a run as it is now, also of one elsewhere. Raises HubFailed when the Hub cannot say."""
    state = record.read_state(run)
    if state.state.finished or not _elsewhere(state.backend):
        return state
    from hf_recipes.backends.huggingface import monitor

    return monitor.refresh(run)


def look(run: Path, *, patient: bool = True) -> RunState:
    """As refresh, with what a run elsewhere has told brought here. Raises HubFailed; `patient`: not for what may pass by itself."""
    if not _elsewhere(record.read_state(run).backend):
        return record.read_state(run)
    from hf_recipes.backends.huggingface import monitor

    return monitor.look(run, patient=patient)


def watch(run: Path) -> Iterator[tuple[RunState, Sequence[Mapping[str, object]]]]:
    """The state of a run with the events since the last look, until it has ended. Raises HubFailed."""
    if not _elsewhere(record.read_state(run).backend):
        return record.watch(run)
    from hf_recipes.backends.huggingface import monitor

    return monitor.watch(run)


def logs(run: Path, *, follow: bool) -> Iterator[str]:
    """What a run has printed; with `follow` as it goes on, until it ends. Raises HubFailed."""
    if _elsewhere(record.read_state(run).backend):
        from hf_recipes.backends.huggingface import monitor

        yield from monitor.logs(run, follow)
    elif follow:
        yield from record.follow(run)
    elif (run / "train.log").exists():
        with (run / "train.log").open(encoding="utf-8", errors="replace") as lines:
            yield from lines


def cancel(run: Path) -> RunState:
    """Stop a run and all that it has started; one that has ended stays as it is. Raises HubFailed."""
    if not _elsewhere(record.read_state(run).backend):
        return local.cancel(run)
    from hf_recipes.backends.huggingface import monitor

    return monitor.cancel(run)


def as_json(run: Path) -> dict[str, object]:
    """The document of `status` and `list`."""
    from hf_recipes.evaluation import run_warnings

    document = {**record.as_json(run), **run_warnings.told(run)}
    if not _elsewhere(str(document["backend"])):
        return document
    from hf_recipes.backends.huggingface import monitor

    return {**document, **monitor.facts(run)}


def evaluate(
    run: Path, settings: Sequence[str] = (), *, anew: bool = False, say: Say
) -> Generator[tuple[RunState, Sequence[Mapping[str, object]]], None, None]:
    """Measure a run again; yields how that stands, as `watch` does. Raises CannotEvaluate, RecipeError."""
    from hf_recipes.api import evaluate as evaluation

    return evaluation.evaluate(run, settings, anew=anew, say=say)


def gate_unmet(run: Path) -> list[Mapping[str, object]]:
    """The bounds of `evaluate.require` that the run's report does not meet."""
    try:
        gates = read_json(run / "report" / "report.json").get("gate", [])
    except FileNotFoundError:
        return []
    except ValueError:
        return [{"metric": "report.json", "value": "damaged", "bound": "a report that can be read"}]
    return [gate for gate in gates if not gate.get("met")]


def export(path: Path, settings: Sequence[str] = (), *, output: Path, say: Say) -> list[Path]:
    """Write a plain AutoTrain config, and the converted data where there is any, to `output`; returns what was written.

    Raises RecipeError, environments.EnvironmentFailed.
    """
    recipe, job = translate(path, settings)
    output.mkdir(parents=True, exist_ok=True)
    base_model = recipe.base_model
    if autotrain.export_needs_data(recipe) or base_model.startswith("bundled/"):
        answer = ask_inference(
            "hf_recipes.steps.prepare.export", planning.request(job), say, str(output.absolute())
        )
        base_model = str(answer["base_model"])
    config = output / "config.yml"
    config.write_text(autotrain.export(recipe, local.machine(), base_model=base_model), encoding="utf-8")
    return sorted(path for path in output.rglob("*") if path.is_file())


def _elsewhere(backend: str) -> bool:
    return not backend.startswith("local")
