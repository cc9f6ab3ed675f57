"""Local files as rows, checked line by line with the standard library, in constant memory.

`datasets` would name a broken row by a byte offset in a cache; a person needs file and line.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

from hf_recipes.data.findings import DataError, Findings, wrong

Row = tuple[int, dict[str, object]]
"""A row and where it stands: the line of its end in a text file, its number in a Parquet file, both from 1."""

SUFFIXES = (".jsonl", ".csv", ".parquet", ".json")
LONGEST_LINE = 64 * 1024 * 1024
csv.field_size_limit(LONGEST_LINE)


def read(path: Path, findings: Findings, *, one_of_several: bool = False) -> Iterator[Row]:
    """The rows of a file. What is wrong with a row goes to `findings`; a file that cannot be read at all raises DataError.

    `one_of_several`: a shard, which may well have no rows.
    """
    if not path.is_file():
        raise wrong(str(path), "there is no such file", code="no-file")
    if path.stat().st_size == 0:
        if one_of_several and path.suffix.lower() == ".jsonl":
            return
        raise wrong(str(path), "the file is empty", code="empty-file")
    readers = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise wrong(
            str(path), f"a {path.suffix or 'nameless'} file is not read", hint="use .jsonl, .csv or .parquet"
        )
    count = 0
    for row in reader(path, findings):
        count += 1
        yield row
    if not count and not findings.total and not one_of_several:
        raise wrong(str(path), "there are no rows in the file", code="empty-file")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines with their numbers. Raises DataError at the first one that is not UTF-8."""
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LONGEST_LINE):
            number += 1
            if len(raw) == LONGEST_LINE:
                raise wrong(str(path), "a line is longer than 64 MiB", line=number)
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                raise wrong(
                    str(path),
                    f"not UTF-8: byte 0x{byte:02x} at position {error.start + 1} of the line",
                    hint="save the file as UTF-8",
                    code="not-utf-8",
                    line=number,
                ) from None
            if "\0" in text:
                raise wrong(
                    str(path),
                    "holds a NUL byte",
                    hint="save the file as UTF-8",
                    code="not-utf-8",
                    line=number,
                )
            yield number, text


def _jsonl(path: Path, findings: Findings) -> Iterator[Row]:
    for number, text in _lines(path):
        if text.strip():
            row = _object(path, number, text.rstrip("\r\n"), findings)
            if row is not None:
                yield number, row


def _object(path: Path, number: int, text: str, findings: Findings) -> dict[str, object] | None:
    try:
        row = json.loads(text)
        if "\\u" in text:
            json.dumps(row, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        findings.add(str(path), number, f"not JSON: {_said(error)}", column=error.colno, code="not-json")
    except UnicodeEncodeError:
        findings.add(str(path), number, "not text: half of a surrogate pair (\\ud8…)", code="not-json")
    except (RecursionError, ValueError):
        findings.add(
            str(path),
            number,
            "not JSON that can be read: nested too deeply or a number too long",
            code="not-json",
        )
    else:
        if isinstance(row, dict):
            return row
        hint = "name a file that holds one JSON list .json" if number == 1 and isinstance(row, list) else ""
        findings.add(
            str(path), number, "not a JSON object: every line holds one {…}", code="not-json", hint=hint
        )
    return None


def _json(path: Path, findings: Findings) -> Iterator[Row]:
    """A `.json` file: one list of objects, or JSON lines."""
    for _, first in _lines(path):
        if first.strip():
            break
    if not first.lstrip().startswith("["):
        yield from _jsonl(path, findings)
        return
    try:
        rows = json.loads("".join(text for _, text in _lines(path)))
    except json.JSONDecodeError as error:
        findings.add(
            str(path), error.lineno, f"not JSON: {_said(error)}", column=error.colno, code="not-json"
        )
        return
    except (RecursionError, ValueError):
        raise wrong(str(path), "not JSON that can be read: nested too deeply or a number too long") from None
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            findings.add(str(path), number, "not a JSON object", code="not-json")


def _csv(path: Path, findings: Findings) -> Iterator[Row]:
    lines = (text for _, text in _lines(path))
    reader = csv.reader(lines, strict=True)
    header: list[str] | None = None
    while True:
        begin = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _not_csv(path, str(error), begin, max(reader.line_num, 1)) from None
        if not cells:
            continue
        if header is None:
            header = cells
            _check_header(path, header)
        elif len(cells) != len(header):
            findings.add(
                str(path),
                reader.line_num,
                f"{len(cells)} columns where the header has {len(header)}",
                code="not-csv",
                hint='put "…" around a value that holds a comma',
            )
        else:
            yield reader.line_num, {name: cell or None for name, cell in zip(header, cells, strict=True)}


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
    return wrong(str(path), f"not CSV: {said}{where}", line=line, code="not-csv")


def _check_header(path: Path, header: list[str]) -> None:
    between = next((one for one in (";", "\t") if one in header[0]), None) if len(header) == 1 else None
    if between:
        what = "semicolons" if between == ";" else "tabs"
        hint = "save it with commas"
        raise wrong(str(path), f"{what} stand between the columns", line=1, code="not-csv", hint=hint)
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise wrong(str(path), f"the header names {sorted(twice)[0]!r} twice", line=1, code="not-csv")


def _parquet(path: Path, findings: Findings) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        number = 0
        for batch in file.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise wrong(str(path), f"not Parquet that can be read: {reason}", code="not-parquet") from None


def _said(error: json.JSONDecodeError) -> str:
    """Python's own words; the place, which some of them end in, stands before the message."""
    return error.msg.removesuffix(" starting at").removesuffix(" at")
