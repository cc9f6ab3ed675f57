"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

settings_option = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Lay a value over the recipe, such as params.lr=2e-4. Repeatable."
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
run_argument = click.argument("run", metavar="RUN")
runs_option = click.option(
    "--runs-dir", type=click.Path(path_type=Path), default=Path("runs"), envvar="HF_RECIPES_RUNS", show_default=True, help="Where runs are kept."
)  # fmt: skip
RUN_HELP = "RUN is an id, the beginning of one, a run's folder, or `last`."
