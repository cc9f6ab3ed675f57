"""`hf-recipes push`: the model of a run goes to the Hub."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, json_option, run_argument, runs_option
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import document, result, say


@click.command("push", epilog=RUN_HELP)
@run_argument
@click.option(
    "--repo",
    metavar="OWNER/NAME",
    help="The target repo. Default: as in the recipe, else <your account>/<project_name>.",
)
@click.option("--public", is_flag=True, help="Make a new repo public; an existing one is left as it is.")
@click.option(
    "--force",
    is_flag=True,
    help="Push even if the recipe's gate is not met, and over a repo that another recipe made.",
)
@json_option
@runs_option
def push_command(
    run: str, repo: str | None, public: bool, force: bool, as_json: bool, runs_dir: Path
) -> None:
    """Push a run's model, with a card that shows its evaluation, in one commit. Pushing again changes nothing."""
    from hf_recipes.api import lifecycle
    from hf_recipes.evaluation.findings import unmet
    from hf_recipes.hub.publish.push import push

    folder = lifecycle.find(run, runs_dir)
    for gate in () if force else lifecycle.gate_unmet(folder):
        raise CommandFailed(
            f"{folder.name} does not meet its gate: {unmet(gate)}; push it all the same with --force, and its card will say so"
        )
    pushed = push(folder, repo=repo, private=not public, force=force, say=say)
    if as_json:
        document(asdict(pushed))
        return
    say(
        f"pushed, {'private' if pushed.private else 'public'}:"
        if pushed.new
        else "nothing to do, it is all there:"
    )
    result(pushed.url)
