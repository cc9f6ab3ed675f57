"""JSON text cut into the values of a list, or into values that follow each other, line by line and in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hf_recipes.data.findings import DataError, wrong
from hf_recipes.steps.prepare.text_lines import Line

# A string that is not closed on its line goes to the end of it: JSON's strings hold no line ends.
STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[\[\]{}]')


@dataclass(frozen=True)
class Piece:
    """The text of one value. `line` counts from 1, `column` from 0."""

    line: int
    column: int
    text: str


def in_list(path: Path, lines: Iterator[Line]) -> Iterator[Piece]:
    """The values of one list. Raises DataError where commas are missing or too many, or the list is not closed."""
    return _Cutter(path, 1).cut(lines)


def in_sequence(path: Path, lines: Iterator[Line]) -> Iterator[Piece]:
    """Values that follow each other, with nothing but white space between them."""
    return _Cutter(path, 0).cut(lines)


class _Cutter:
    def __init__(self, path: Path, outer: int) -> None:
        """`outer`: how many brackets are open around the values."""
        self._path, self._outer = path, outer
        self._depth = 0
        self._parts: list[str] = []
        self._begin: tuple[int, int] | None = None
        self._between = ""
        self._count = 0
        self._closed = False

    def cut(self, lines: Iterator[Line]) -> Iterator[Piece]:
        number = 0
        for number, line in lines:
            at = 0
            for found in STRUCTURE.finditer(line):
                mark = found.group()[0]
                if mark == '"':
                    continue
                if mark in "[{":
                    if self._begin is None:
                        self._note(number, line[at : found.start()])
                        at = found.start() if self._depth == self._outer else found.end()
                    if self._depth == self._outer:
                        self._check_before(number)
                        self._begin = (number, found.start())
                    self._depth += 1
                    continue
                self._depth -= 1
                if self._begin is None:
                    self._note(number, line[at : found.start()])
                    self._check_end(number, mark)
                    at = found.end()
                elif self._depth == self._outer:
                    self._parts.append(line[at : found.end()])
                    yield Piece(*self._begin, "".join(self._parts))
                    self._parts, self._begin, at = [], None, found.end()
                    self._count += 1
            if self._begin is not None:
                self._parts.append(line[at:])
            else:
                self._note(number, line[at:])
        self._finish(number)

    def _note(self, number: int, text: str) -> None:
        """What stands outside the values: a comma at the most."""
        self._between = (self._between + text).strip()
        if self._between not in ("", ","):
            what = "a list of values where rows are due" if self._outer else f"not JSON: {self._between[:40]!r} stands between the objects"  # fmt: skip
            raise self._wrong(number, what, 'write each row as an object, {"column": value, …}')
        if self._between and self._closed:
            raise self._follows(number)

    def _check_before(self, number: int) -> None:
        comma, self._between = self._between, ""
        if self._closed:
            raise self._follows(number)
        if comma and not self._outer:
            hint = "take the commas out, or put [ before and ] after all of it"
            raise self._wrong(number, "a comma stands between the objects", hint)
        if self._outer and bool(comma) != (self._count > 0):
            what = (
                "a comma stands before the first object"
                if comma
                else "a comma is missing between two objects"
            )
            raise self._wrong(number, what, "the objects of a list have one between them")

    def _check_end(self, number: int, mark: str) -> None:
        """A bracket that closes no value."""
        if mark != "]" or not self._outer or self._closed:
            raise self._wrong(number, f"not JSON: {mark!r} closes nothing", "")
        if self._between:
            raise self._wrong(number, "a comma stands before the ] that closes the list", "take it out")
        self._closed, self._outer = True, 0

    def _follows(self, number: int) -> DataError:
        return self._wrong(number, "something follows the list", "keep one list in the file")

    def _finish(self, number: int) -> None:
        if self._begin is not None or self._outer:
            begin = self._begin[0] if self._begin else 1
            what = f"the file ends before what begins on line {begin} is closed: it is cut off"
            raise self._wrong(number, what, "fetch or write the file again")
        if self._between:
            raise self._wrong(number, "a comma stands after the last object", "take it out")

    def _wrong(self, line: int, what: str, hint: str) -> DataError:
        return wrong(str(self._path), what, hint=hint, code="not-json", line=line)
