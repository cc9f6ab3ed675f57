"""`hf-recipes status`: how one run stands."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.output import document, result


@click.command("status", epilog=RUN_HELP)
@run_argument
@json_option
@runs_option
def status_command(run: str, as_json: bool, runs_dir: Path) -> None:
    """Show one run: its state, why, where its files are."""
    from hf_recipes import record

    status = record.as_json(record.find(run, runs_dir))
    if as_json:
        document(status)
        return
    for key, value in status.items():
        if key == "metrics" and isinstance(value, dict):
            for name, number in value.items():
                result(f"{name:14} {number}")
        elif value not in (None, ""):
            result(f"{key:14} {value}")
