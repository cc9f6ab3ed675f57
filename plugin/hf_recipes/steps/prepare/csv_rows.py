"""The rows of a CSV file: with commas, semicolons, tabs or bars between its columns, as its first lines tell."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from hf_recipes.data.findings import DataError, Findings, wrong
from hf_recipes.steps.prepare.file_kinds import endings
from hf_recipes.steps.prepare.text_lines import LONGEST_LINE, Line

Row = tuple[int, dict[str, object]]

csv.field_size_limit(LONGEST_LINE)

BETWEEN = (",", ";", "\t", "|")
LOOKED_AT = 100
"""Lines by which the delimiter is told."""


def csv_rows(path: Path, lines: Iterator[Line], findings: Findings) -> Iterator[Row]:
    """Rows with the line on which each begins. Raises DataError for a header or a quote that cannot be read."""
    texts = [text for _, text in islice(lines, LOOKED_AT)]
    before = 0
    delimiter = _declared(texts)
    if delimiter:
        before, texts = 1, texts[1:]
    elif endings(path).startswith(".tsv"):
        delimiter = "\t"
    delimiter = delimiter or _delimiter(texts)
    _check_widths(path, _widths(texts, delimiter), delimiter)
    reader = csv.reader(chain(texts, (text for _, text in lines)), delimiter=delimiter, strict=True)
    table: _Table | None = None
    while True:
        line = before + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _not_csv(path, str(error), line, before + max(reader.line_num, 1)) from None
        if not any(cell.strip() for cell in cells):
            continue
        if table is None:
            table = _Table(path, line, cells)
        elif len(cells) > table.width and not any(cell.strip() for cell in cells[table.width :]):
            yield line, table.row(line, cells[: table.width])
        elif len(cells) != table.width:
            what = f"{len(cells)} columns where the header has {table.width}"
            hint = f'put "…" around a value that holds {NAMES[delimiter]}'
            findings.add(str(path), line, what, code="not-csv", hint=hint)
        else:
            yield line, table.row(line, cells)


NAMES = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar (|)"}


class _Table:
    """The header. A column without a name is left out while it is empty, as Excel writes such."""

    def __init__(self, path: Path, line: int, header: Sequence[str]) -> None:
        self._path, self._line = path, line
        self.width = len(header)
        self._named = [(place, name) for place, name in enumerate(header) if name.strip()]
        self._unnamed = [place for place, name in enumerate(header) if not name.strip()]
        self._index: bool | None = None
        """Whether the first column is one without a name that holds values: pandas writes its index so."""
        names = [name for _, name in self._named]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise wrong(str(path), f"the header names {twice!r} twice", line=line, code="not-csv")

    def row(self, line: int, cells: Sequence[str]) -> dict[str, object]:
        row: dict[str, object] = {name: cells[place] or None for place, name in self._named}
        if not self._unnamed:
            return row
        if self._index is None:
            self._index = self._unnamed[0] == 0 and bool(cells[0].strip())
        filled = [
            place for place in self._unnamed if cells[place].strip() and not (place == 0 and self._index)
        ]
        if filled:
            what = f"column {filled[0] + 1} holds a value on line {line}, and the header has no name for it"
            raise wrong(
                str(self._path), what, hint="name it there, or empty it", line=self._line, code="not-csv"
            )
        return {"": cells[0] or None, **row} if self._index else row


def _declared(texts: Sequence[str]) -> str | None:
    """Excel's own first line, sep=;"""
    first = texts[0].strip().strip('"').lower() if texts else ""
    given = first.removeprefix("sep=")
    return given if first.startswith("sep=") and given in BETWEEN else "\t" if first == "sep=" else None


def _delimiter(texts: Sequence[str]) -> str:
    """The one that gives every row as many cells as the header has, more than one; a comma where none does."""
    widths = {sign: _widths(texts, sign) for sign in BETWEEN}
    fitting = [name for name, found in widths.items() if found and found[0] > 1 and len(set(found)) == 1]
    splitting = [name for name, found in widths.items() if found and found[0] > 1]
    return next(iter(fitting or splitting), ",")


def _widths(texts: Sequence[str], delimiter: str) -> list[int]:
    """The number of cells of each row, empty ones at its end left out where the header has none there."""
    rows: list[list[str]] = []
    try:
        rows.extend(
            row for row in csv.reader(texts, delimiter=delimiter) if any(cell.strip() for cell in row)
        )
    except csv.Error:
        return []
    if len(texts) == LOOKED_AT and len(rows) > 1:
        rows.pop()  # it may go on
    width = len(rows[0]) if rows else 0
    return [
        width if len(row) > width and not any(cell.strip() for cell in row[width:]) else len(row)
        for row in rows
    ]


def _check_widths(path: Path, widths: Sequence[int], delimiter: str) -> None:
    """Where no row is as wide as the header, the header is wrong, or each row."""
    header, *rows = widths or [0]
    if len(rows) < 3 or header in rows:
        return
    others = " or ".join(str(width) for width in sorted(set(rows))[:3])
    what = f"the header has {header} column{'s' if header > 1 else ''}, and every row {others}"
    hint = f'name every column in the header, and put "…" around values that hold {NAMES[delimiter]}'
    raise wrong(str(path), what, hint=hint, line=1, code="not-csv")


def _not_csv(path: Path, said: str, begin: int, line: int) -> DataError:
    """`begin`: the line on which the row begins; `line`: the one on which the reader gave up."""
    if "unexpected end" in said:
        return wrong(
            str(path), 'not CSV: a quote (") in this row is never closed', line=begin, code="not-csv"
        )
    if "new-line character" in said:
        hint = "save it with the line ends of Unix or Windows"
        return wrong(str(path), "the lines end as on old Macs (CR)", line=line, code="not-csv", hint=hint)
    where = f", in the row that begins on line {begin}" if begin != line else ""
    hint = 'inside "…" a quote is written twice ("")' if "expected after" in said else ""
    return wrong(str(path), f"not CSV: {said}{where}", line=line, code="not-csv", hint=hint)
