"""The one sink: results go to stdout, everything said to a person goes to stderr."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNFOLDED = 10_000
"""Columns: wide enough that no line of a pipe or a file is ever folded."""
printed = False
"""Whether a document has been printed: there is one at the most."""


def called_as() -> str:
    """`hf recipes` when the `hf` command runs us as an extension, which it keeps in a folder of that name."""
    return "hf recipes" if "extensions" in Path(sys.argv[0]).parts else "hf-recipes"


def as_called(text: str) -> str:
    """The text with its commands as this person types them: an extension is on no PATH, so `hf-recipes logs` is not found."""
    if called_as() == "hf-recipes" or "hf-recipes " not in text:
        return text
    from hf_recipes.cli.main import COMMANDS

    return re.sub(rf"\bhf-recipes (?=(?:{'|'.join(COMMANDS)})\b)", f"{called_as()} ", text)


def say(text: str) -> None:
    """A message to a person."""
    sys.stderr.write(as_called(text) + "\n")
    sys.stderr.flush()


def result(text: str) -> None:
    """What the command was asked for, as text."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def document(value: object) -> None:
    """What the command was asked for, as one JSON document: `--json`."""
    global printed
    printed = True
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    # Half a character, where a model stopped within one, and commands for a terminal can't be written but as JSON's escape.
    result(re.sub("[\x7f-\x9f\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text))


def console(*, stderr: bool, markup: bool = False) -> Console:
    """A rich console. It is imported here, since it costs 0.1 s that `validate` does not pay.

    `markup`: what is printed has rich's `[bold]`, and all that comes from outside is escaped.
    """
    from hf_recipes.cli.terminal import clean_console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else UNFOLDED
    return clean_console(
        stream, stderr=stderr, markup=markup, highlight=False, soft_wrap=not stream.isatty(), width=width
    )
