"""What a data file is: by its name, and by what stands in it although the name says otherwise."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

from hf_recipes.data.findings import DataError, wrong

ENDINGS: Mapping[str, str] = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".json": "json",
}
"""Ending → kind."""
PACKED = (".gz", ".zst", ".bz2", ".xz")
READ = "use .jsonl, .json, .csv, .tsv or .parquet, also as .gz, .zst, .bz2 or .xz"
HEAD = 4096
"""Bytes at the beginning of a file that tell what it is."""
PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
DOWNLOADED = "download the file itself; the Hub has it under /resolve/, and a page about it under /blob/"
FOREIGN: tuple[tuple[bytes, str, str, str], ...] = (
    (b"version https://git-lfs", "", "a Git LFS pointer, not the data", "fetch the data: git lfs pull"),
    (b"PAR1", "parquet", "a Parquet file", "name it .parquet"),
    (b"ARROW1", "arrow", "an Arrow file", "name it .arrow"),
    (b"\xd0\xcf\x11\xe0", "", "an Excel or Office file", "save the sheet as CSV UTF-8"),
    (b"SQLite format 3\0", "", "an SQLite database", "write the rows of its table as .jsonl or .csv"),
    (b"%PDF-", "", "a PDF", "write its text as .jsonl, a row a line"),
    (b"{\\rtf", "", "a document with formatting (RTF)", "save it as plain text"),
    (b"\x93NUMPY", "", "a numpy array", "write the rows as .jsonl"),
    *((mark, "", "a pickle, which is never loaded", "write the rows as .jsonl or .parquet") for mark in PICKLES),
)  # fmt: skip
"""(first bytes, the kind that it is, what to call it, what to do)"""


def stem_and_kind(path: Path) -> tuple[str, str] | None:
    """The split's name and the kind of file that a name tells: train.jsonl.gz is (train, json). None: not read."""
    name = path.name
    for packed in PACKED:
        if name.lower().endswith(packed):
            name = name[: -len(packed)]
            break
    stem, dot, ending = name.rpartition(".")
    kind = ENDINGS.get(f"{dot}{ending}".lower())
    return (stem, kind) if kind and stem else None


def endings(path: Path) -> str:
    """The ending with that of the packing, in small letters: .jsonl.gz."""
    told = stem_and_kind(path)
    return (path.name[len(told[0]) :] if told else path.suffix).lower()


def check_is_file(path: Path) -> None:
    """Raises DataError for what is no file, or is not there, saying what stands there."""
    if path.is_file():
        return
    what = _what_stands(path)
    if what is None:
        raise wrong(str(path), "there is no such file", code="no-file")
    raise wrong(str(path), f"is {what}, not a file", hint="put the file itself there", code="no-file")


def stands_there(path: Path) -> bool:
    """Whether anything has this name, a link that leads nowhere among it."""
    return path.is_symlink() or path.exists()


def _what_stands(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except (OSError, RuntimeError):
        if not path.is_symlink():
            return None
        return f"a symbolic link that leads to no file ({path.readlink()})"
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe (fifo)"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def foreign(path: Path, head: bytes, kind: str) -> DataError | None:
    """What to say where the first bytes are those of something else than `kind`."""
    for mark, own, what, hint in FOREIGN:
        if head.startswith(mark) and own != kind:
            return _is(path, what, hint)
    if head.startswith(b"PK\x03\x04"):
        office = b"[Content_Types]" in head or b"xl/" in head or b"_rels/" in head
        if office:
            return _is(path, "an Excel workbook or another Office file", "save the sheet as CSV UTF-8")
        return _is(path, "a zip archive", "unpack it")
    if head[257:262] == b"ustar":
        return _is(path, "a tar archive", "unpack it")
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:20].lower()
    if begin.startswith((b"<!doctype html", b"<html", b"<head")):
        return _is(path, "an HTML page, such as one for logging in or for an error", DOWNLOADED)
    if begin.startswith(b"<?xml"):
        return _is(path, "XML", "write the rows as .jsonl or .csv")
    return None


def _is(path: Path, what: str, hint: str) -> DataError:
    return wrong(str(path), f"the file is {what}", hint=hint, code="other-format")
