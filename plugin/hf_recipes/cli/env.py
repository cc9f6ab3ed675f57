"""`hf-recipes env`: the interpreters that train, generate and show the page."""

from __future__ import annotations

import click

from hf_recipes import environments
from hf_recipes.cli.arguments import json_option
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import console, document, result, say

name_argument = click.argument("name", type=click.Choice(environments.set_names()), metavar="NAME")


@click.group("env")
def env_command() -> None:
    """Make, list and remove the interpreters that train and generate. Runs make what they need by themselves."""


@env_command.command("list")
@json_option
def list_environments(as_json: bool) -> None:
    """List the environments: whether each is ready, and where it is."""
    found = [_described(name) for name in environments.set_names()]
    if as_json:
        document(found)
        return
    from rich.table import Table

    table = Table("name", "state", box=None, pad_edge=False)
    table.add_column("python", overflow="fold")
    for each in found:
        state = each["problem"] or ("ready" if each["ready"] else "not made")
        table.add_row(str(each["name"]), str(state), str(each["python"] or ""))
    console(stderr=False).print(table)


@env_command.command("make")
@name_argument
@json_option
def make_environment(name: str, as_json: bool) -> None:
    """Make an environment, or repair it; prints its interpreter."""
    python = environments.ensure(name, say=say)
    if as_json:
        document(_described(name))
    else:
        result(str(python))


@env_command.command("path")
@name_argument
@json_option
def show_path(name: str, as_json: bool) -> None:
    """Print the interpreter of an environment that is ready."""
    python = environments.ready(name)
    if as_json:
        document(_described(name))
    elif python is None:
        raise CommandFailed(f"the {name} environment is not made; make it with: hf-recipes env make {name}")
    else:
        result(str(python))


@env_command.command("remove")
@name_argument
def remove_environment(name: str) -> None:
    """Remove an environment from this machine."""
    gone = environments.delete_environment(name)
    say(f"removed the {name} environment" if gone else f"there is no {name} environment to remove")


def _described(name: str) -> dict[str, object]:
    """One environment, as `--json` prints it."""
    folder = str(environments.folder(name))
    described: dict[str, object] = {
        "name": name,
        "ready": False,
        "python": None,
        "folder": folder,
        "problem": None,
    }
    try:
        if (python := environments.ready(name)) is not None:
            described.update(ready=True, python=str(python))
    except environments.EnvironmentFailed as error:
        described["problem"] = str(error)
    return described
