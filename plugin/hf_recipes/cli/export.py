"""`hf-recipes export`: the way out, to the engine's own form."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import recipe_argument, settings_option
from hf_recipes.cli.output import result, say
from hf_recipes.engines.registry import ENGINES


@click.command("export")
@recipe_argument
@settings_option
@click.option("--to", "target", type=click.Choice(list(ENGINES)), required=True, help="What to write for.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. Default: <recipe>-<engine> beside it.",
)
@click.option("--force", is_flag=True, help="Write into a folder that is not empty.")
def export_command(
    recipe: Path, settings: tuple[str, ...], target: str, output: Path | None, force: bool
) -> None:
    """Write RECIPE in the form that its trainer reads without hf-recipes, and convert its data where needed.

    Prints the paths written, and what to type there. For AutoTrain: autotrain --config config.yml
    """
    from hf_recipes.api import lifecycle
    from hf_recipes.api.recipes import load_recipe
    from hf_recipes.engines.registry import engine_named

    folder = output or recipe.resolve().parent / f"{recipe.stem}-{target}"
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise click.UsageError(f"{folder} is not empty; choose another --output, or add --force")
    read = load_recipe(recipe, settings=[*settings, f"engine={target}"])
    for path in lifecycle.export(read, output=folder, say=say):
        result(str(path))
    say(f"run it with: cd {folder} && {engine_named(target).export_command}")
