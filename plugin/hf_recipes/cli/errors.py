"""One map from what went wrong to one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from hf_recipes.cli import output
from hf_recipes.cli.output import say
from hf_recipes.recipe.problem import Problem, RecipeError

DONE, FAILED, WRONG_CALL, BUG, INTERRUPTED = 0, 1, 2, 3, 130
WORDS = {FAILED: "failed", WRONG_CALL: "wrong-call"}


class CommandFailed(click.ClickException):
    """The call was right but what it asked for did not come out; the message says why."""

    exit_code = FAILED


class NotDone(click.ClickException):
    """The command needs a confirmation that was not given; nothing was done."""

    exit_code = WRONG_CALL


def explain_error(error: BaseException, *, debug: bool, as_json: bool = False) -> int:
    """Tell a person what happened, on stderr; returns the exit code.

    `as_json`: where the command has printed no document, what is wrong is printed as one, in the form of `validate`.
    """
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else DONE
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if debug and not isinstance(error, (click.Abort, KeyboardInterrupt)):
        say("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, BrokenPipeError):
        # The reader (head, less) has gone. Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    code, problems = _told(error)
    for problem in problems:
        say(
            problem.message
            if _explains_itself(error)
            else str(problem)
            if problem.file
            else f"error: {problem.message}"
        )
    if isinstance(error, click.UsageError) and error.ctx and not _explains_itself(error):
        say(f"Try '{error.ctx.command_path} --help'.")
    if as_json and not output.printed:
        output.document([problem.as_dict() for problem in problems])
    return code


def _explains_itself(error: BaseException) -> bool:
    """Whether it is no mistake: an interruption, or a command that was called for its help."""
    return isinstance(error, (KeyboardInterrupt, click.Abort)) or type(error).__name__ == "NoArgsIsHelpError"


def _told(error: BaseException) -> tuple[int, Sequence[Problem]]:
    """The exit code, and what is wrong: mostly one sentence without a place."""
    if isinstance(error, RecipeError):
        return WRONG_CALL, error.problems
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED, [_said("interrupted", "interrupted")]
    if isinstance(error, click.ClickException):
        return error.exit_code, [_said(WORDS[error.exit_code], error.format_message())]
    return _of_ours(error)


def _of_ours(error: BaseException) -> tuple[int, Sequence[Problem]]:
    from hf_recipes.backends.base import BackendUnknown
    from hf_recipes.environments import EnvironmentFailed
    from hf_recipes.hub.errors import HubFailed
    from hf_recipes.record import RunNotFound
    from hf_recipes.runner.files import FULL, Damaged

    if isinstance(error, RunNotFound):
        return WRONG_CALL, [_said("no-run", str(error))]
    if isinstance(error, (EnvironmentFailed, HubFailed, Damaged, BackendUnknown)):
        return FAILED, [_said("failed", str(error))]
    if isinstance(error, OSError) and error.errno in FULL:
        where = f"{error.filename}: " if error.filename is not None else ""
        return FAILED, [_said("disk-full", f"{where}the disk is full")]
    if isinstance(error, OSError) and error.filename is not None:
        return FAILED, [_said("failed", f"{error.filename}: {(error.strerror or 'cannot be used').lower()}")]
    return BUG, [_said("bug", _bug(error))]


def _said(code: str, message: str) -> Problem:
    return Problem("", 0, 0, code, message)


def _bug(error: BaseException) -> str:
    import tempfile

    what = f"this is a bug of hf-recipes ({type(error).__name__})"
    try:
        with tempfile.NamedTemporaryFile("w", prefix="hf-recipes-", suffix=".txt", delete=False) as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        return f"{what}; its traceback cannot be written, and --debug shows it"
    return f"{what}; the traceback is in {file.name} (look through it before you share it)"
