"""One map from what went wrong to one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback

import click

from hf_recipes.cli.output import say

DONE, FAILED, WRONG_CALL, BUG, INTERRUPTED = 0, 1, 2, 3, 130


class CommandFailed(click.ClickException):
    """The call was right but what it asked for did not come out; the message says why."""

    exit_code = FAILED


class NotDone(click.ClickException):
    """What was asked for needs a word first that nobody gave; nothing was done."""

    exit_code = WRONG_CALL


def explain(error: BaseException, *, debug: bool) -> int:
    """Tell a person what happened, on stderr; returns the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else DONE
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if debug and not isinstance(error, (click.Abort, KeyboardInterrupt)):
        say("".join(traceback.format_exception(error)).rstrip())
    return _sentence(error)


def _sentence(error: BaseException) -> int:
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        say("interrupted")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) has gone. Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    if isinstance(error, click.UsageError):
        hint = f"\nTry '{error.ctx.command_path} --help'." if error.ctx else ""
        say(f"error: {error.format_message()}{hint}")
        return WRONG_CALL
    if isinstance(error, click.ClickException):
        say(f"error: {error.format_message()}")
        return error.exit_code
    return _of_ours(error)


def _of_ours(error: BaseException) -> int:
    from hf_recipes.environments import EnvironmentFailed
    from hf_recipes.hub.errors import HubFailed
    from hf_recipes.recipe.problem import RecipeError
    from hf_recipes.record import RunNotFound

    if isinstance(error, RecipeError):
        for problem in error.problems:
            say(str(problem))
        return WRONG_CALL
    if isinstance(error, RunNotFound):
        say(f"error: {error}")
        return WRONG_CALL
    if isinstance(error, (EnvironmentFailed, HubFailed)):
        say(f"error: {error}")
        return FAILED
    if isinstance(error, OSError) and error.filename is not None:
        say(f"error: {error.filename}: {(error.strerror or 'cannot be used').lower()}")
        return FAILED
    return _bug(error)


def _bug(error: BaseException) -> int:
    import tempfile

    with tempfile.NamedTemporaryFile("w", prefix="hf-recipes-", suffix=".txt", delete=False) as file:
        file.write("".join(traceback.format_exception(error)))
    say(
        f"error: this is a bug of hf-recipes ({type(error).__name__}); the traceback is in {file.name}"
        " (look through it before you share it)"
    )
    return BUG
