"""Arguments that several commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])
BACKEND = "hf_recipes.backend"


def settings_option(command: F) -> F:
    """`--set KEY=VALUE`, given to the command as `settings`; `--backend NAME` is short for one of them."""
    for option in (_backend, _settings):
        command = option(command)
    return command


def _with_backend(context: click.Context, _: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    backend = context.meta.get(BACKEND)
    return given if backend is None else (*given, f"backend={backend}")


def _note_backend(context: click.Context, _: click.Parameter, given: str | None) -> None:
    context.meta[BACKEND] = given


_settings = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", callback=_with_backend, help="Override a value of the recipe, such as params.lr=2e-4. Repeatable."
)  # fmt: skip
_backend = click.option(
    "--backend", metavar="NAME", is_eager=True, expose_value=False, callback=_note_backend, help="Where to train instead: local, spaces-t4-small, jobs-a10g-large …"
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
recipe_argument = click.argument("recipe", type=click.Path(path_type=Path))
run_argument = click.argument("run", metavar="RUN")
RUNS, RUNS_VARIABLE = Path("runs"), "HF_RECIPES_RUNS"
runs_option = click.option(
    "--runs-dir", type=click.Path(path_type=Path), default=RUNS, envvar=RUNS_VARIABLE, show_default=True, help="Where runs are kept."
)  # fmt: skip
RUN_HELP = "RUN is an id, the beginning of one, a run's folder, or `last`."


def run_reference(run: Path) -> str:
    """A run as the next command may be given it: by its id, or by its folder where that command would look elsewhere."""
    looked_in = Path(os.environ.get(RUNS_VARIABLE) or RUNS)
    return run.name if run.parent.resolve() == looked_in.resolve() else shlex.quote(str(run))
