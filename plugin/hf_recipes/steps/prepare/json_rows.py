"""The rows of a JSON file of any shape: one object a line, a list, objects over several lines, columns.

The shape is told once, by how the file begins. A file of another shape is one problem, and not one for each line.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import DataError, Findings, wrong
from hf_recipes.data.messages import shortened
from hf_recipes.steps.prepare.file_kinds import endings
from hf_recipes.steps.prepare.json_pieces import Piece, in_list, in_sequence
from hf_recipes.steps.prepare.json_shapes import rows_of_object
from hf_recipes.steps.prepare.text_lines import Line

Row = tuple[int, dict[str, object]]
COMMAS = "take the commas after the objects out: one {…} a line"


def json_rows(path: Path, lines: Iterator[Line], findings: Findings, *, alone: bool = True) -> Iterator[Row]:
    """Rows with the line on which each begins; of a list on one line, and of columns, their numbers.

    `alone`: not one of several files of a split. Raises DataError for a shape that is not read.
    """
    reader = _Reader(path, findings, alone)
    first = _next(lines)
    if first is None:
        return
    second = _next(lines)
    rest = chain([first], [second] if second else [], lines)
    text = first[1].strip()
    if second and _is_object(second[1]) and not _is_object(text):
        yield from reader.by_line(rest)  # The first row is broken, and the file is as it should be.
        return
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        yield from reader.of_incomplete(text, error, first[0], second, rest)
        return
    except (RecursionError, ValueError):
        yield from reader.by_line(rest)
        return
    tail = text[end:].strip()
    if isinstance(value, list):
        if tail or second:
            raise reader.no_names(first[0])
        else:
            rows = reader.pieces(in_list(path, rest))
            yield from ((number, row) for number, (_, row) in enumerate(rows, start=1))
    elif not isinstance(value, dict):
        hint = "every line holds one {…}"
        raise wrong(str(path), "not a JSON object", hint=hint, code="not-json", line=first[0])
    elif tail.startswith(","):
        raise wrong(str(path), "a comma stands after the object", hint=COMMAS, code="not-json", line=first[0])
    elif tail.startswith("{"):
        yield from reader.pieces(in_sequence(path, rest))
    elif tail or second:
        yield from reader.by_line(rest)
    else:
        yield from reader.one_object(first[0], text)


class _Reader:
    def __init__(self, path: Path, findings: Findings, alone: bool) -> None:
        self._path, self._findings, self._alone = path, findings, alone
        self._twice: list[str] = []
        """Keys of the row that is being read which stand twice in one object."""
        self._decoder = json.JSONDecoder(object_pairs_hook=self._object)

    def by_line(self, lines: Iterator[Line]) -> Iterator[Row]:
        for number, text in lines:
            if text.strip():
                row = self._row(Piece(number, 0, text.rstrip("\r\n")))
                if row is not None:
                    yield number, row

    def pieces(self, pieces: Iterator[Piece]) -> Iterator[Row]:
        for count, piece in enumerate(pieces):
            if count == 0 and piece.text.startswith("["):
                raise self.no_names(piece.line)
            row = self._row(piece)
            if row is not None:
                yield piece.line, row

    def one_object(self, line: int, text: str) -> Iterator[Row]:
        """A file that is a single object may hold columns."""
        row = self._row(Piece(line, 0, text))
        if row is not None:
            lists = endings(self._path).split(".")[1] == "json"
            rows = rows_of_object(self._path, row, lists=lists) if self._alone else None
            yield from enumerate(rows, start=1) if rows is not None else [(line, row)]

    def of_incomplete(
        self, text: str, error: json.JSONDecodeError, line: int, second: Line | None, lines: Iterator[Line]
    ) -> Iterator[Row]:
        """The first line is no whole value."""
        if text.startswith("["):
            yield from self.pieces(in_list(self._path, lines))
        elif not text.startswith("{"):
            what = f"not JSON: the file begins with {shortened(text, 40)}"
            hint = "every line holds one {…}"
            raise wrong(str(self._path), what, hint=hint, code="not-json", line=line)
        elif _is_python(text):
            hint = "write each row with json.dumps"
            what = (
                "a Python dict, not JSON: its texts stand in single quotes, or it holds True, False or None"
            )
            raise wrong(str(self._path), what, hint=hint, code="not-json", line=line)
        elif error.pos >= len(text) and second:
            yield from self._of_sequence(lines)
        else:
            yield from self.by_line(lines)

    def _of_sequence(self, lines: Iterator[Line]) -> Iterator[Row]:
        pieces = in_sequence(self._path, lines)
        first = next(pieces, None)
        if first is None:
            return
        second = next(pieces, None)
        if second is None:
            yield from self.one_object(first.line, first.text)
        else:
            yield from self.pieces(chain([first, second], pieces))

    def no_names(self, line: int) -> DataError:
        hint = 'write each row as an object, {"column": value, …}'
        what = "a list of values where a row is due: nothing names its columns"
        return wrong(str(self._path), what, hint=hint, code="not-json", line=line)

    def _row(self, piece: Piece) -> dict[str, object] | None:
        file, text = str(self._path), piece.text
        self._twice.clear()
        try:
            row = self._decoder.decode(text)
            if "\\u" in text:
                json.dumps(row, ensure_ascii=False).encode()
        except json.JSONDecodeError as error:
            self._not_json(piece, error)
        except UnicodeEncodeError:
            self._findings.add(
                file, piece.line, "not text: half of a surrogate pair (\\ud8…)", code="not-json"
            )
        except (RecursionError, ValueError):
            said = "not JSON that can be read: nested too deeply or a number too long"
            self._findings.add(file, piece.line, said, code="not-json")
        else:
            if self._twice:
                said = f"the key {shortened(self._twice[0])} stands twice, and only the last would be used"
                self._findings.add(file, piece.line, said, code="duplicate-key")
            elif isinstance(row, dict):
                return row
            else:
                said = "not a JSON object: every line holds one {…}"
                self._findings.add(file, piece.line, said, code="not-json")
        return None

    def _not_json(self, piece: Piece, error: json.JSONDecodeError) -> None:
        line = piece.line + error.lineno - 1
        column = error.colno + (piece.column if error.lineno == 1 else 0)
        comma = error.msg == "Extra data" and piece.text[error.pos :].strip() == ","
        hint = COMMAS if comma else ""
        said = "a comma stands after the object" if comma else f"not JSON: {_said(error)}"
        self._findings.add(str(self._path), line, said, column=column, code="not-json", hint=hint)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            self._twice.append(next(name for name in names if names.count(name) > 1))
        return found


def _next(lines: Iterator[Line]) -> Line | None:
    """The next line that is not blank."""
    return next((line for line in lines if line[1].strip()), None)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _is_python(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text.rstrip(",")), dict)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return False


def _said(error: json.JSONDecodeError) -> str:
    """Python's own words; the place, which some of them end in, stands before the message."""
    return error.msg.removesuffix(" starting at").removesuffix(" at")
