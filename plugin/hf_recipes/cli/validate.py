"""`hf-recipes validate`: every problem of one or more recipes, offline and at once."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import json_option, settings_option
from hf_recipes.cli.errors import WRONG_CALL
from hf_recipes.cli.output import document, result, say


@click.command("validate")
@click.argument("recipes", metavar="RECIPE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@settings_option
@json_option
@click.pass_context
def validate_command(
    context: click.Context, recipes: tuple[Path, ...], settings: tuple[str, ...], as_json: bool
) -> None:
    """Check RECIPEs: offline, instant, every problem with its line. Exits with 2 if there is one."""
    from hf_recipes.api.validate import problems
    from hf_recipes.backends.machine import machine

    found = {recipe: problems(recipe, settings=settings, here=machine) for recipe in recipes}
    every = [problem for item in found.values() for problem in item]
    if as_json:
        document([problem.as_dict() for problem in every])
    else:
        for problem in every:
            result(str(problem))
        for recipe, its in found.items():
            say(f"{recipe}: " + (f"{len(its)} problem{'s' if len(its) > 1 else ''}" if its else "ok"))
    context.exit(WRONG_CALL if every else 0)
