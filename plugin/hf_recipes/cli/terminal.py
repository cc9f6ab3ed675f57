"""The border to the terminal: whatever is printed, and by whom, passes here and holds no command for a terminal.

Rows, chat templates, servers, logs and names of files are other people's text. An escape sequence in them could recolour,
overwrite or hide lines, or set the title and the clipboard of whoever reads. `main` puts a CleanStream in the place of stdout
and stderr; rich, whose own sequences are wanted, writes beside it and has the text of each of its segments cleaned.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from hf_recipes.runner.lines import ESCAPES

if TYPE_CHECKING:
    from rich.console import Console

OTHERS = re.compile("[\r\ud800-\udfff]")
"""A return overwrites the line it stands in, and half a character cannot be written."""


def without_escapes(text: str) -> str:
    """The text without escape sequences and control characters but tabs and newlines."""
    text = ESCAPES.sub("", text)
    return OTHERS.sub(lambda found: "" if found[0] == "\r" else "\N{REPLACEMENT CHARACTER}", text)


class CleanStream:
    """A text stream that cleans what it writes; everything else is passed to the wrapped stream."""

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        self.raw.write(without_escapes(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def clean_streams() -> None:
    """From now on nothing that this process prints is obeyed by a terminal."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, CleanStream):
            setattr(sys, name, CleanStream(stream))


def clean_console(stream: TextIO, **options: Any) -> Console:
    """A rich console on a stream of this process."""
    from rich.console import Console
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(self, *arguments: Any, **more: Any) -> Iterable[Segment]:
            for segment in super().render(*arguments, **more):
                # rich moves the cursor itself; we clean its text, and colours are the segment's style.
                yield segment if segment.control else Segment(without_escapes(segment.text), segment.style)

    raw = stream.raw if isinstance(stream, CleanStream) else stream
    return CleanConsole(file=raw, **options)
