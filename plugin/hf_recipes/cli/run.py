"""`hf-recipes run`: the whole road, for one recipe or for several."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import json_option, runs_option, settings_option
from hf_recipes.cli.errors import FAILED, INTERRUPTED
from hf_recipes.cli.output import document, result, say


@click.command("run")
@click.argument("recipes", metavar="RECIPE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@settings_option
@click.option(
    "--detach", "-d", is_flag=True, help="Return at once; the run goes on. See: status, logs -f, cancel."
)
@json_option
@runs_option
@click.pass_context
def run_command(
    context: click.Context,
    recipes: tuple[Path, ...],
    settings: tuple[str, ...],
    detach: bool,
    as_json: bool,
    runs_dir: Path,
) -> None:
    """Train RECIPE, measure the model against its base, and record both in a folder of its own.

    Several RECIPEs, and the combinations of a matrix: one after another on this machine, all at once elsewhere.
    """
    from hf_recipes import fanout, record, road

    made = fanout.recipes(recipes, settings)
    if len(recipes) > 1 or made[0].matrix:
        from hf_recipes.cli.fan import fan_out

        context.exit(fan_out(made, runs_dir=runs_dir, detach=detach, as_json=as_json))
    (recipe,) = recipes
    run = road.start(recipe, settings, runs_dir=runs_dir, attached=not detach, say=say)
    if detach:
        _print_detached(run, as_json)
        return
    say(f"run {run.name}")
    code = _follow(run)
    if as_json:
        document(record.as_json(run))
    else:
        _print_outcome(run)
    context.exit(code)


def _print_detached(run: Path, as_json: bool) -> None:
    from hf_recipes import record

    if as_json:
        document(record.as_json(run))
        return
    result(run.name)
    say(f"follow it with: hf-recipes logs -f {run.name}")


def _follow(run: Path) -> int:
    from hf_recipes import record, road
    from hf_recipes.backends import local
    from hf_recipes.cli.progress import show
    from hf_recipes.record.state import State

    try:
        state = show(record.watch(run))
    except KeyboardInterrupt:
        say("stopping the run …")
        local.cancel(run)
        state = record.read_state(run)
    if state.state is State.CANCELLED:
        return INTERRUPTED
    return FAILED if state.state is State.FAILED or road.gate_unmet(run) else 0


def _print_outcome(run: Path) -> None:
    from hf_recipes import record, road
    from hf_recipes.record.state import State

    state = record.read_state(run)
    report = run / "report" / "report.md"
    if report.exists():
        result(report.read_text(encoding="utf-8").rstrip())
    say(f"{run.name}: {state.state.value}" + (f": {state.message}" if state.message else ""))
    for gate in road.gate_unmet(run):
        say(f"gate not met: {gate.get('metric')} is {gate.get('value')}, required: {gate.get('bound')}")
    if state.state is State.SUCCEEDED:
        say(f"model: {run / 'model'}\ntry it beside its base: hf-recipes compare {run.name}")
