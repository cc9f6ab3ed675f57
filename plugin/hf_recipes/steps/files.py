"""Local files as rows, checked line by line in constant memory.

`datasets` would name a broken row by a byte offset in a cache; a person needs file and line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hf_recipes.data.findings import Findings, wrong
from hf_recipes.steps.prepare.arrow_rows import arrow_rows, parquet_rows
from hf_recipes.steps.prepare.csv_rows import csv_rows
from hf_recipes.steps.prepare.file_kinds import HEAD, READ, check_is_file, endings, foreign, stem_and_kind
from hf_recipes.steps.prepare.json_rows import json_rows
from hf_recipes.steps.prepare.text_lines import text_lines

Row = tuple[int, dict[str, object]]
"""A row and where it stands: a line of a text file, its number in a Parquet or Arrow file, both from 1."""


def read_files(
    path: Path, findings: Findings, *, one_of_several: bool = False, encoding: str | None = None
) -> Iterator[Row]:
    """The rows of a file. What is wrong with a row goes to `findings`; a file that cannot be read at all raises DataError.

    `one_of_several`: a shard, which may well have no rows. `encoding`: what the recipe declares for text files.
    """
    check_is_file(path)
    kind = (stem_and_kind(path) or ("", ""))[1]
    if path.stat().st_size == 0:
        if one_of_several and kind == "json":
            return
        raise wrong(str(path), "the file is empty", code="empty-file")
    if not kind:
        what = f"a {path.suffix or 'nameless'} file is not read"
        raise wrong(str(path), what, hint=READ, code="other-format")
    count = 0
    for row in _rows(path, kind, findings, encoding, alone=not one_of_several):
        count += 1
        yield row
    if not count and not findings.total and not one_of_several:
        raise wrong(str(path), "there are no rows in the file", code="empty-file")


def _rows(path: Path, kind: str, findings: Findings, encoding: str | None, *, alone: bool) -> Iterator[Row]:
    if kind in ("parquet", "arrow"):
        if endings(path).count(".") > 1:
            raise wrong(str(path), f"a packed {kind} file is not read", hint="unpack it", code="other-format")
        with path.open("rb") as file:
            head = file.read(HEAD)
        if found := foreign(path, head, kind):
            raise found
        return parquet_rows(path) if kind == "parquet" else arrow_rows(path)
    lines = text_lines(path, kind, encoding)
    return (
        json_rows(path, lines, findings, alone=alone) if kind == "json" else csv_rows(path, lines, findings)
    )
