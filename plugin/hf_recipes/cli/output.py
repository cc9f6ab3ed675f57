"""The one sink: results go to stdout, everything said to a person goes to stderr."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

UNFOLDED = 10_000
"""Columns: wide enough that no line of a pipe or a file is ever folded."""
printed = False
"""Whether a document has been printed: there is one at the most."""


def say(text: str) -> None:
    """A message to a person."""
    sys.stderr.write(text + "\n")
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
    # Half a character, where a model stopped within one, can't be written but as JSON's escape.
    result(re.sub("[\ud800-\udfff]", lambda half: f"\\u{ord(half[0]):04x}", text))


def console(*, stderr: bool, markup: bool = False) -> Console:
    """A rich console. It is imported here, since it costs 0.1 s that `validate` does not pay.

    `markup`: what is printed has rich's `[bold]`, and all that comes from outside is escaped.
    """
    from rich.console import Console

    here = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if here else UNFOLDED
    return Console(stderr=stderr, markup=markup, highlight=False, soft_wrap=not here, width=width)
