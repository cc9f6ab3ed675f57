"""The `hf-recipes` command: finds the subcommand's module only when it is asked for, and maps errors to exit codes."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

import click

from hf_recipes import __version__
from hf_recipes.cli.output import as_called, called_as
from hf_recipes.cli.terminal import clean_streams

# name → (module, one line of help). The line stands here so that --help imports no command.
COMMANDS = {
    "new": ("new", "Copy a shipped recipe into a folder of your own."),
    "validate": ("validate", "Check recipes: offline, instant, every problem with its line."),
    "schema": ("schema", "Print the JSON Schema of a recipe, or explain one key."),
    "check": ("check", "Check the data: broken rows, duplicates, leaks, lengths, labels, secrets."),
    "plan": ("plan", "Show what a recipe would run: parameters, data, estimates."),
    "export": ("export", "Write a config and data that the trainer reads without hf-recipes."),
    "decide": ("decide", "Fine-tune, or keep prompting? Measures the base, trains nothing."),
    "run": ("run", "Train, measure against the base, keep a record."),
    "list": ("list", "List runs, newest first."),
    "status": ("status", "Show one run."),
    "logs": ("logs", "Print a run's log."),
    "cancel": ("cancel", "Stop a run and everything it started."),
    "eval": ("eval", "Measure a run again: same rows, same decoding, a fresh report."),
    "report": ("report", "Print a run's evaluation, or several side by side."),
    "push": ("push", "Put a run's model on the Hub, with a card that shows its evaluation."),
    "compare": ("compare", "Open a page with the fine-tuned model beside its base."),
    "space": ("space", "Put pushed models online beside their bases: a page on a Space."),
    "clean": ("clean", "Delete the training Spaces and data repos of finished runs."),
    "env": ("env", "Make, list and remove the interpreters that train and generate."),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"hf_recipes.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{COMMANDS[cmd_name][0]}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(error.message.rstrip(".") + _nearest(args[0], COMMANDS), ctx) from None

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(as_called(str(self.epilog)))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])


def _nearest(word: str, known: dict[str, tuple[str, str]]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}?" if near else "."


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Start with: hf-recipes new ingredient-parser && hf-recipes run ingredient-parser/recipe.yml",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error. Also works after a command.")
@click.version_option(__version__, "-V", "--version", prog_name="hf-recipes")
def cli(debug: bool) -> None:
    """Should I fine-tune, and did it help?

    One YAML recipe becomes an AutoTrain job; the model is measured against its own base and shown beside it.
    """


def _end_by_interruption() -> None:
    """Being asked to end (`kill`, `timeout`, a terminal that closes) cleans up as Ctrl-C does, unless the signal is ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def main() -> None:
    """The console script. Never returns: ends the process with the exit code that DESIGN.md lists."""
    _end_by_interruption()
    clean_streams()
    given = sys.argv[1:]
    # After an error people append --debug to the end of the line.
    arguments = [argument for argument in given if argument != "--debug"]
    try:
        code = cli.main(args=arguments, prog_name=called_as(), standalone_mode=False)
    except BaseException as error:
        from hf_recipes.cli.errors import explain_error

        code = explain_error(error, debug="--debug" in given, as_json="--json" in given)
    sys.exit(code if isinstance(code, int) else 0)
