"""`hf-recipes list`: the runs that are recorded here."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import json_option, runs_option
from hf_recipes.cli.output import console, document, say


@click.command("list")
@json_option
@runs_option
def list_command(as_json: bool, runs_dir: Path) -> None:
    """List runs, newest first."""
    from hf_recipes import record

    documents = [record.as_json(run) for run in record.list_runs(runs_dir)]
    if as_json:
        document(documents)
    elif not documents:
        say(f"no runs in {runs_dir} yet; start one with: hf-recipes run RECIPE")
    else:
        _table(documents)


def _table(documents: list[dict[str, object]]) -> None:
    from rich.table import Table

    table = Table("id", "state", "stage", "backend", "message", box=None, pad_edge=False)
    for each in documents:
        table.add_row(*(str(each[key] or "") for key in ("id", "state", "stage", "backend", "message")))
    console(stderr=False).print(table)
