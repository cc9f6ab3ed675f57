"""`hf-recipes cancel`: stop a run."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.output import document, say


@click.command("cancel", epilog=RUN_HELP)
@run_argument
@json_option
@runs_option
def cancel_command(run: str, as_json: bool, runs_dir: Path) -> None:
    """Stop a run and everything that it started, here or on Hugging Face. A finished run is left as it is."""
    from hf_recipes import record
    from hf_recipes.api import lifecycle

    folder = lifecycle.find(run, runs_dir)
    before = record.read_state(folder)
    after = before if before.state.finished else lifecycle.cancel(folder)
    if as_json:
        document(lifecycle.run_as_json(folder))
    elif before.state.finished:
        say(f"{folder.name} had ended already: {before.state.value}")
    else:
        say(f"{folder.name}: {after.state.value}" + (f": {after.message}" if after.message else ""))
