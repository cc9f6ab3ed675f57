"""`hf-recipes status`: how one run stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.output import document, result, say

if TYPE_CHECKING:
    from hf_recipes.backends.base import BackendUnknown
    from hf_recipes.hub.errors import HubFailed


@click.command("status", epilog=RUN_HELP)
@run_argument
@json_option
@runs_option
def status_command(run: str, as_json: bool, runs_dir: Path) -> None:
    """Show one run: its state, the reason, and where its files are.

    Of a run on Hugging Face the Hub is asked, from any machine: with its whole id it need not have been started here.
    """
    from hf_recipes.api import lifecycle
    from hf_recipes.evaluation import findings

    folder = lifecycle.find(run, runs_dir)
    refreshed(folder)
    status = lifecycle.run_as_json(folder)
    if as_json:
        document(status)
        return
    for said in findings.warning_sentences(status):
        result(f"{'warning':14} {said}")
    if said := findings.training_sentence(status):
        result(f"{'training':14} {said.removeprefix('Training: ')}")
    for key, value in status.items():
        if key in ("training", "warnings"):
            continue
        if key == "metrics" and isinstance(value, dict):
            for name, number in value.items():
                result(f"{name:14} {_measured(name, number)}")
        elif value not in (None, ""):
            result(f"{key:14} {value}")


def _measured(name: str, number: object) -> object:
    """`<method>/<metric>` of a report is a share; numbers of the trainer are as it logged them."""
    from hf_recipes.evaluation.rounding import share

    return share(number) if "/" in name and isinstance(number, float) else number


def refreshed(folder: Path) -> HubFailed | BackendUnknown | None:
    """Ask for the run's state; if it cannot be had, the last known state is shown and marked so. Returns why."""
    from hf_recipes.api import lifecycle
    from hf_recipes.backends.base import BackendUnknown
    from hf_recipes.hub.errors import HubFailed

    try:
        lifecycle.look(folder, patient=False)
    except (HubFailed, BackendUnknown) as error:
        say(f"{folder.name} as it was known last: {error}")
        return error
    return None
