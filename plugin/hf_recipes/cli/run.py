"""`hf-recipes run`: the whole road, for one recipe or for several."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.cli.arguments import json_option, run_reference, runs_option, settings_option
from hf_recipes.cli.errors import FAILED, INTERRUPTED, WRONG_CALL, NotDone
from hf_recipes.cli.output import document, result, say

if TYPE_CHECKING:
    from hf_recipes.api.checked import CheckedRecipe
    from hf_recipes.cli.progress import Look
    from hf_recipes.estimates.prices import Cost

LEFT = """\
{run} goes on where it is, also when this machine is switched off
follow it with:  hf-recipes logs -f {run}
stop it with:    hf-recipes cancel {run}"""


@click.command("run")
@click.argument("recipes", metavar="RECIPE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@settings_option
@click.option(
    "--detach", "-d", is_flag=True, help="Return at once; the run continues. See: status, logs -f, cancel."
)
@click.option(
    "--push", is_flag=True, help="Push the model to your account after it is verified and its gate is met."
)
@click.option("--yes", "-y", is_flag=True, help="Accept the cost on Hugging Face without being asked.")
@json_option
@runs_option
@click.pass_context
def run_command(
    context: click.Context,
    recipes: tuple[Path, ...],
    settings: tuple[str, ...],
    detach: bool,
    push: bool,
    yes: bool,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Train RECIPE, measure the model against its base, and record both in a new folder.

    Several RECIPEs, and the combinations of a matrix: one after another on this machine, all at once elsewhere.
    """
    from hf_recipes import record
    from hf_recipes.api import batch, lifecycle

    made = batch.check_batch(batch.recipes(recipes, settings, push=push))
    costs = _agreed(made, yes)
    if len(recipes) > 1 or made[0].recipe.matrix:
        from hf_recipes.cli.fan import fan_out

        context.exit(fan_out(made, costs, runs_dir=runs_dir, detach=detach, as_json=as_json))
    run = lifecycle.start(made[0], runs_dir=runs_dir, attached=not detach, say=say, cost=costs[0])
    if detach:
        context.exit(_print_detached(run, as_json))
    say(f"run {run.name}")
    code = follow_run(run)
    if as_json:
        document(lifecycle.run_as_json(run))
    elif code != INTERRUPTED or record.read_state(run).state.finished:
        _print_outcome(run)
    context.exit(code)


def _agreed(made: Sequence[CheckedRecipe], yes: bool) -> list[Cost | None]:
    """What the runs may cost, once the user has agreed to it."""
    from hf_recipes.api import approval, lifecycle

    costs = lifecycle.costs(made, say=say, thorough=not yes)
    paid = [(recipe.recipe, cost) for recipe, cost in zip(made, costs, strict=True) if cost is not None]
    asked: list[str] = []

    def ask(question: str) -> bool:
        asked.append(question)
        return click.confirm(question, err=True)

    if paid and not yes:
        try:
            approval.ask_approval(paid, ask=ask if sys.stdin.isatty() else None)
        except approval.NotAgreed as error:
            raise NotDone(str(error)) from None
    if paid and not asked:
        say(approval.costs_in_words(paid))
    return costs


def _print_detached(run: Path, as_json: bool) -> int:
    from hf_recipes import record
    from hf_recipes.api import lifecycle
    from hf_recipes.record.state import State

    failed = record.read_state(run).state is State.FAILED  # it could not even be started
    if as_json:
        document(lifecycle.run_as_json(run))
    elif failed:
        _print_outcome(run)
    else:
        result(run.name)
        say(f"follow it with: hf-recipes logs -f {run_reference(run)}")
    return FAILED if failed else 0


def follow_run(run: Path, *, tell_rows: bool = True) -> int:
    """The exit code, once the run has ended, or has been left to go on where it is. `tell_rows`: say what the prepare step
    has to say of the rows as soon as it is over."""
    from hf_recipes import record
    from hf_recipes.api import lifecycle
    from hf_recipes.cli.progress import show_progress
    from hf_recipes.record.state import Reason, State

    try:
        looks = lifecycle.watch(run)
        state = show_progress(_telling(run, looks) if tell_rows else looks)
    except KeyboardInterrupt:
        if not runs_here(record.read_state(run).backend):
            say(LEFT.format(run=run_reference(run)))
            return INTERRUPTED
        say("stopping the run …")
        state = lifecycle.cancel(run)
    if state.state is State.CANCELLED:
        return INTERRUPTED
    if state.state is State.FAILED and state.reason == Reason.DATA_INVALID.value:
        return WRONG_CALL
    return FAILED if state.state is State.FAILED or lifecycle.gate_unmet(run) else 0


def _telling(run: Path, looks: Iterable[Look]) -> Iterator[Look]:
    """What the prepare step warns of in the rows, before hours are spent on them."""
    from hf_recipes.data.tally import in_lines
    from hf_recipes.record.prepared import known_of_preparation

    told = False
    for state, events in looks:
        if not told and state.stage not in (None, "prepare"):
            prepared = known_of_preparation(run)
            for line in in_lines(prepared.get("warnings") or (), prepared.get("totals") or {}):
                say(f"warning: {line}")
            told = True
        yield state, events


def _print_outcome(run: Path) -> None:
    from hf_recipes import record
    from hf_recipes.api import lifecycle
    from hf_recipes.evaluation.findings import unmet
    from hf_recipes.record.state import State
    from hf_recipes.runner.files import read_json

    state = record.read_state(run)
    report = run / "report" / "report.json"
    if report.exists():
        from hf_recipes.cli import report_text

        report_text.show_report(read_json(report))
    else:
        _print_training(run)
    say(f"{run.name}: {state.state.value}" + (f": {state.message}" if state.message else ""))
    for gate in lifecycle.gate_unmet(run):
        say(f"gate not met: {unmet(gate)}")
    if state.state is not State.SUCCEEDED:
        return
    local = runs_here(state.backend)
    model = lifecycle.run_as_json(run).get("model_repo") if local else state.handle.get("model")
    say(f"model: {_where(run, model) if local else model}")
    for line in _next(run, str(model or ""), local=local):
        say(line)


def _where(run: Path, pushed: object) -> str:
    """Where the model of a run on this machine is."""
    from hf_recipes.engines.result import TrainedEndpoint, result_of

    result = result_of(run)
    if isinstance(result, TrainedEndpoint):
        return f"{result.server.fine_tuned} at {result.server.base_url}"
    return f"{run / 'model'}" + (f", pushed to {pushed}" if pushed else "")


def _next(run: Path, model: str, *, local: bool) -> Iterator[str]:
    """What can be done with this run's model. The page compares models that write text, and a pickle is never pushed."""
    from hf_recipes.api.compare import is_comparable
    from hf_recipes.record.job import load_job

    if is_comparable(run):
        yield f"try it beside its base: hf-recipes compare {run_reference(run)}"
        if not local:
            yield f"or online: hf-recipes space deploy --models {model}"
    elif local and not model and load_job(run).task != "tabular":
        yield f"push it, with a card that shows how it is used: hf-recipes push {run_reference(run)}"


def _print_training(run: Path) -> None:
    """For a run without a report; a report says the same."""
    from hf_recipes.evaluation import findings, run_warnings

    told = run_warnings.training_and_warnings(run)
    for warned in findings.warning_sentences(told):
        say(f"warning: {warned}")
    if trained := findings.training_sentence(told):
        say(trained)
