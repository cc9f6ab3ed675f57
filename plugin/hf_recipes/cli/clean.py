"""`hf-recipes clean`: delete what finished runs have left on Hugging Face."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, runs_option
from hf_recipes.cli.errors import FAILED, NotDone
from hf_recipes.cli.output import document, result, say


@click.command("clean", epilog=RUN_HELP)
@click.argument("runs", metavar="[RUN]...", nargs=-1)
@click.option("--yes", "-y", is_flag=True, help="Delete without asking.")
@json_option
@runs_option
@click.pass_context
def clean_command(
    context: click.Context, runs: tuple[str, ...], yes: bool, as_json: bool, runs_dir: Path
) -> None:
    """Delete the training Spaces and data repos of finished RUNs. Without RUN: of all finished runs.

    Models stay, and so does everything that a run which goes on needs.
    """
    from dataclasses import asdict

    from hf_recipes.api import clean, lifecycle

    found = clean.leftovers(runs_dir, [lifecycle.find(run, runs_dir) for run in runs])
    if not found:
        say("there is nothing to delete")
    elif not as_json:
        for leftover in found:
            result(f"{leftover.what}  ({leftover.run})")
    whole = True
    if found:
        if not yes and not (sys.stdin.isatty() and click.confirm(f"Delete these {len(found)}?", err=True)):
            raise NotDone("nothing was deleted; agree with --yes")
        whole = clean.remove_leftovers(found, say)
    if as_json:
        document([asdict(leftover) for leftover in found])
    context.exit(0 if whole else FAILED)
