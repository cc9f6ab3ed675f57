"""`hf-recipes logs`: what a run printed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.output import document, say


@click.command("logs", epilog=RUN_HELP)
@run_argument
@click.option("-f", "--follow", is_flag=True, help="Go on printing until the run ends.")
@json_option
@runs_option
def logs_command(run: str, follow: bool, as_json: bool, runs_dir: Path) -> None:
    """Print a run's log. With --json: its events (step, loss, learning rate, time left), with -f once it has ended.

    On Hugging Face it is the container's: of the build while it is built, of the run from then on.
    """
    from hf_recipes import record
    from hf_recipes.api import lifecycle

    folder = lifecycle.find(run, runs_dir)
    if as_json:
        for _ in lifecycle.watch(folder) if follow else ():
            pass  # one document: it is whole when the run has ended
        lifecycle.look(folder)
        document(list(record.events(folder)))
        return
    silent = True
    for text in lifecycle.logs(folder, follow=follow):
        silent = False
        sys.stdout.write(text)
        sys.stdout.flush()
    if silent:
        say(f"{folder.name} has printed nothing yet")
