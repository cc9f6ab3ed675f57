"""`hf-recipes space`: the page on the Hub where anyone tries pushed models beside their bases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from hf_recipes.cli.arguments import json_option
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import console, document, result, say


@click.group("space")
def space_command() -> None:
    """Put pushed models online beside their bases: a page on a Hugging Face Space."""


@space_command.command("deploy")
@click.argument("more_models", nargs=-1, metavar="[MODEL]...")
@click.option(
    "--models",
    "-m",
    multiple=True,
    metavar="USER/NAME...",
    help="The models of the page; several may follow. [default: all of yours with the tag hf-recipes]",
)
@click.option("--repo", metavar="USER/NAME", help="The Space. [default: hf-recipes-compare in your account]")
@click.option("--title", help="The page's title.")
@click.option(
    "--hardware",
    help="Such as cpu-upgrade or t4-small. [default: as it is; for a new Space cpu-basic, without PRO zero-a10g]",
)
@click.option(
    "--public/--private", default=None, help="Who sees it. [default: as it is; private for a new Space]"
)
@click.option(
    "--read-token-env",
    "variable",
    metavar="NAME",
    default="HF_RECIPES_SPACE_TOKEN",
    show_default=True,
    help="The environment variable with a token that only reads: what private and gated models need.",
)
@click.option("--yes", "-y", is_flag=True, help="Show private models on a public page.")
@click.option(
    "--wait/--no-wait",
    default=True,
    help="Return when the page runs, or when it is uploaded.",
    show_default=True,
)
@json_option
def deploy_space(
    more_models: tuple[str, ...],
    models: tuple[str, ...],
    repo: str | None,
    title: str | None,
    hardware: str | None,
    public: bool | None,
    variable: str,
    yes: bool,
    wait: bool,
    as_json: bool,
) -> None:
    """Make the page, or bring it up to date: with --models user/a user/b, or with every model that you have pushed."""
    from hf_recipes.hub.compare_space import deploy, startup

    wish = deploy.Wish(
        models=(*models, *more_models),
        repo=repo,
        title=title,
        hardware=hardware,
        public=public,
        show_private=yes,
        token_variable=variable,
    )
    with _told():
        done = deploy.deploy(wish, say=say)
        if wait:
            startup.wait(done.space, done.commit, say=say)
    if as_json:
        document(
            {
                "space": done.space,
                "url": done.url,
                "models": done.models,
                "private": done.private,
                "commit": done.commit,
                "changed": done.changed,
                "running": wait,
            }
        )
    else:
        result(done.url)
        say("the page runs" if wait else "the page is uploaded; the Hub builds it now")


@space_command.command("list")
@json_option
def list_spaces(as_json: bool) -> None:
    """List your compare pages: whether each runs, on what, and its models."""
    from hf_recipes.hub.compare_space import pages

    with _told():
        found = pages.pages()
    if as_json:
        document(found)
        return
    if not found:
        say("no compare page yet; make one with: hf-recipes space deploy")
        return
    from rich.table import Table

    table = Table("space", "stage", "hardware", "seen by", box=None, pad_edge=False)
    table.add_column("models", overflow="fold")
    for each in found:
        seen = "you" if each["private"] else "everyone"
        table.add_row(
            each["space"], each["stage"].lower(), each["hardware"] or "", seen, " ".join(each["models"])
        )
    console(stderr=False).print(table)


@space_command.command("delete")
@click.argument("space", metavar="USER/NAME")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def delete_space(space: str, yes: bool) -> None:
    """Delete a compare page from the Hub. Its models stay."""
    from hf_recipes.hub.compare_space import pages

    if not yes:
        click.confirm(f"Delete the Space {space}?", abort=True, err=True)
    with _told():
        say(f"deleted {pages.delete_compare_space(space)}")


@contextmanager
def _told() -> Iterator[None]:
    from hf_recipes.hub.errors import HubFailed

    try:
        yield
    except HubFailed as error:
        raise CommandFailed(str(error)) from None
