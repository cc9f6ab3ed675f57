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
    """Print a run's log. With --json: its events (step, loss, learning rate, time left)."""
    from hf_recipes import record

    folder = record.find(run, runs_dir)
    if as_json:
        document(list(record.events(folder)))
    elif follow:
        for text in record.follow(folder):
            sys.stdout.write(text)
            sys.stdout.flush()
    else:
        log = folder / "train.log"
        if not log.exists():
            say(f"{folder.name} has printed nothing yet")
            return
        with log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                sys.stdout.write(line)
