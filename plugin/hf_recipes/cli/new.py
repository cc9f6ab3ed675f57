"""`hf-recipes new`: start from a shipped recipe."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from hf_recipes.cli.output import result, say


@click.command("new")
@click.argument("name", required=False)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
def new_command(name: str | None, folder: Path | None) -> None:
    """Copy the shipped recipe NAME into FOLDER (default: ./NAME). Without NAME, list what is shipped."""
    from hf_recipes.resources import shipped

    recipes = {path.parent.name: path.parent for path in sorted(shipped("recipes").glob("*/recipe.yml"))}
    if name is None:
        for each, path in recipes.items():
            result(f"{each:20} {_title(path)}")
        return
    if name not in recipes:
        raise click.UsageError(f"no shipped recipe is called {name!r}; there are {', '.join(recipes)}")
    target = folder or Path(name)
    if target.exists():
        raise click.UsageError(f"{target} is there already; name another folder")
    shutil.copytree(recipes[name], target)
    say(f"Edit {target / 'recipe.yml'}, then: hf-recipes run {shlex.quote(str(target / 'recipe.yml'))}")


def _title(recipe: Path) -> str:
    readme = recipe / "README.md"
    lines = readme.read_text(encoding="utf-8").splitlines() if readme.is_file() else []
    return next((line.lstrip("# ") for line in lines if line.startswith("#")), "")
