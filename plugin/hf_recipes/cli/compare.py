"""`hf-recipes compare`: the fine-tuned model beside its base, in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from hf_recipes.cli.arguments import RUN_HELP, run_argument, runs_option
from hf_recipes.cli.browser import open_in_browser
from hf_recipes.cli.errors import CommandFailed
from hf_recipes.cli.output import result, say


@click.command("compare", epilog=RUN_HELP)
@run_argument
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to serve on. [default: 7860 or the next free]"
)
@click.option(
    "--open/--no-open", "open_browser", default=False, help="Open a browser when the page is ready."
)
@runs_option
def compare_command(run: str, port: int | None, open_browser: bool, runs_dir: Path) -> None:
    """Serve a local page where RUN's model and its base answer the same prompt. Ctrl-C stops it."""
    from hf_recipes.api import compare, lifecycle
    from hf_recipes.cli.status import refreshed

    def ready(url: str) -> None:
        result(url)
        say("the page is there; Ctrl-C ends it")
        if open_browser:
            open_in_browser(url)

    folder = lifecycle.find(run, runs_dir)
    refreshed(folder)
    try:
        compare.serve_run_page(folder, port=port, say=say, ready=ready)
    except compare.CompareFailed as error:
        raise CommandFailed(str(error)) from None
    say("the page has ended")
