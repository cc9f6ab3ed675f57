"""`hf-recipes export`: the way out, to plain AutoTrain."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import recipe_argument, settings_option
from hf_recipes.cli.output import result, say


@click.command("export")
@recipe_argument
@settings_option
@click.option("--to", "target", type=click.Choice(["autotrain"]), required=True, help="What to write for.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to. Default: <recipe>-autotrain beside it.",
)
@click.option("--force", is_flag=True, help="Write into a folder that holds files already.")
def export_command(
    recipe: Path, settings: tuple[str, ...], target: str, output: Path | None, force: bool
) -> None:
    """Write RECIPE as a plain AutoTrain config, with its data converted where that is needed.

    Prints the paths written. `cd` there and run: autotrain --config config.yml
    """
    from hf_recipes.api import lifecycle

    folder = output or recipe.resolve().parent / f"{recipe.stem}-{target}"
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise click.UsageError(f"{folder} is not empty; choose another --output, or add --force")
    for path in lifecycle.export(recipe, settings, output=folder, say=say):
        result(str(path))
    say(f"run it with: cd {folder} && autotrain --config config.yml")
