"""The bytes that a child prints, as lines; and which of them belong into the log."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Iterator

from hf_recipes.runner.redaction import Redactor

LONGEST_LINE = 65_536
LONGEST_SECRET = 4_096
ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, the cursor, what is erased
    r"|(?:\x1b[\]P_^X]|[\x9d\x90\x9f\x9e\x98])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links, the clipboard
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"  # the rest, also of a sequence that does not end
)
"""What a terminal obeys instead of showing it: escape sequences in 7 and 8 bits, and control characters but tab and newlines."""


class Lines:
    """Cuts the bytes of a child into lines. A line that ends in a carriage return alone is passing: a progress bar's."""

    def __init__(self, redact: Redactor) -> None:
        self._redact = redact
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.partial = ""

    def feed(self, data: bytes, *, last: bool = False) -> Iterator[tuple[str, bool]]:
        """(line, whether it is passing); what is not whole yet waits in `partial`."""
        text = self.partial + self._decoder.decode(data, last)
        # The newline of \r\n may come with the next read, so a return at the very end decides nothing yet.
        pieces = re.split(r"(\r?\n|\r)" if last else r"(\r?\n|\r(?!\Z))", text)
        for line, end in zip(pieces[::2], pieces[1::2], strict=False):
            yield line, end == "\r"
        self.partial = pieces[-1]
        if last and self.partial:
            yield self.partial, False
            self.partial = ""
        elif len(self.partial) > LONGEST_LINE:
            # A secret must not be cut in two: not where one stands, nor near the end, where the other half may still come.
            cut = len(self.partial) - LONGEST_SECRET
            for begin, end in self._redact.spans(self.partial):
                cut = begin if begin < cut < end else cut
            yield self.partial[:cut], False
            self.partial = self.partial[cut:]


class PassingLines:
    """Lets one progress line through in 30 seconds, and each bar's last state: not ten thousand."""

    BAR = re.compile(r"^.{0,120}?\d+%\|[^|]*\|[^\]]*\]")
    SECONDS = 30.0

    def __init__(self) -> None:
        self._last = -self.SECONDS

    def keep(self, line: str, passing: bool) -> str | None:
        """What of a line belongs into the log: None for nothing."""
        bar = self.BAR.match(line)
        if bar and (rest := line[bar.end() :].strip()):
            return rest  # a logger wrote on behind the bar
        if not passing:
            return None if line.isspace() else line
        if line.strip() and time.monotonic() - self._last >= self.SECONDS:
            self._last = time.monotonic()
            return line
        return None
