"""`hf-recipes new`: start from a shipped recipe, or from data of one's own."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import result, say
from hf_recipes.engines.registry import ENGINES


@click.command("new")
@click.argument("name", required=False)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option(
    "--data",
    metavar="PATH|HUB_ID",
    help="Write a recipe for this file, folder or data set: its rows are looked at, NAME is the project's name.",
)
@click.option("--base", metavar="MODEL", help="The base model of that recipe: a Hub id or a folder.")
@click.option("--engine", type=click.Choice(list(ENGINES)), help="The trainer that the recipe names.")
def new_command(
    name: str | None, folder: Path | None, data: str | None, base: str | None, engine: str | None
) -> None:
    """Copy the shipped recipe NAME into FOLDER (default: ./NAME), or write one for your own data with --data.

    Without NAME, list what is shipped.
    """
    from hf_recipes.resources import shipped

    recipes = {path.parent.name: path.parent for path in sorted(shipped("recipes").glob("*/recipe.yml"))}
    if base is not None and data is None:
        raise click.UsageError("--base goes with --data: a shipped recipe names its own base")
    if name is None:
        if data is not None:
            raise click.UsageError("name the project, too: hf-recipes new NAME --data …")
        for shipped_name, path in recipes.items():
            result(f"{shipped_name:20} {_title(path)}")
        return
    target = folder or Path(name)
    if data is None and name not in recipes:
        there = ", ".join(recipes)
        raise click.UsageError(
            f"no shipped recipe is called {name!r}; there are {there}; for data of your own: --data FILE"
        )
    if target.exists():
        raise click.UsageError(f"{target} is there already; name another folder")
    if data is None:
        text = _with_engine((recipes[name] / "recipe.yml").read_text(encoding="utf-8"), engine)
        shutil.copytree(recipes[name], target)
        (target / "recipe.yml").write_text(text, encoding="utf-8")
        say(f"Edit {target / 'recipe.yml'}, then: hf-recipes run {shlex.quote(str(target / 'recipe.yml'))}")
        return
    _write(name, data, base, engine, target)


def _write(name: str, data: str, base: str | None, engine: str | None, target: Path) -> None:
    from hf_recipes.api.new_recipe import BASE, CannotSketch, recipe_for

    try:
        text = recipe_for(name, data, base or BASE, target, say)
    except CannotSketch as error:
        raise CommandFailed(str(error)) from None
    text = _with_engine(text, engine)
    target.mkdir(parents=True)
    (target / "recipe.yml").write_text(text, encoding="utf-8")
    say(
        f"Look through {target / 'recipe.yml'}, then: hf-recipes check {shlex.quote(str(target / 'recipe.yml'))}"
    )


def _with_engine(text: str, engine: str | None) -> str:
    from hf_recipes.api.new_recipe import EngineLacksTask, with_engine

    try:
        return with_engine(text, engine) if engine else text
    except EngineLacksTask as error:
        raise click.UsageError(str(error)) from None


def _title(recipe: Path) -> str:
    readme = recipe / "README.md"
    lines = readme.read_text(encoding="utf-8").splitlines() if readme.is_file() else []
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
