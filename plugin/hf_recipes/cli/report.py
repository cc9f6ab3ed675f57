"""`hf-recipes report`: what the evaluation of a run found."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import document, result


@click.command("report", epilog=RUN_HELP)
@run_argument
@json_option
@runs_option
def report_command(run: str, as_json: bool, runs_dir: Path) -> None:
    """Print a run's evaluation: each method's numbers with intervals, and the verdict."""
    from hf_recipes import record

    folder = record.find(run, runs_dir)
    path = folder / "report" / "report.json"
    if not path.exists():
        raise CommandFailed(
            f"{folder.name} has no report: its recipe has no `evaluate:`, or it did not come that far"
        )
    if as_json:
        try:
            document(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            raise CommandFailed(f"{path} is damaged: it is not JSON") from None
    else:
        result((folder / "report" / "report.md").read_text(encoding="utf-8").rstrip())
