"""The lines of a text file, unpacked and decoded one by one, each with its number from 1."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from hf_recipes.data.findings import DataError, wrong
from hf_recipes.steps.prepare.file_kinds import HEAD, foreign

Line = tuple[int, str]

LONGEST_LINE = 64 * 1024 * 1024
UTF_8_MARK = b"\xef\xbb\xbf"
MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks → encodings that read them; the longer ones first."""
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


def text_lines(path: Path, kind: str, encoding: str | None = None) -> Iterator[Line]:
    """`encoding` is what the recipe declares; a byte order mark says more. Raises DataError for what cannot be decoded."""
    with _unpacked(path) as file:
        head = _peeked(path, file)
        if found := foreign(path, head, kind):
            raise found
        marked = next((name for mark, name in MARKS if head.startswith(mark)), None)
        declared = None if head.startswith(UTF_8_MARK) else marked or encoding
        if declared and not _keeps_ascii(declared):
            yield from _wide(path, file, declared)
        else:
            yield from _narrow(path, file, declared, head)


def _narrow(path: Path, file: IO[bytes], declared: str | None, head: bytes) -> Iterator[Line]:
    """Encodings in which a line ends with the byte of ASCII: UTF-8 and those of old code pages."""
    number = 0
    doubted = declared is not None and _one_byte_each(declared)
    while raw := _read_line(path, file, number + 1):
        number += 1
        if number == 1:
            raw = raw.removeprefix(UTF_8_MARK)
        try:
            text = raw.decode(declared or "utf-8")
        except UnicodeDecodeError as error:
            raise _not_decoded(path, number, raw, error, declared, head) from None
        if doubted and not raw.isascii():
            doubted = False
            _check_declared(path, number, raw, str(declared))
        if "\0" in text:
            raise wrong(str(path), "holds a NUL byte", hint=_nul_hint(head), code="not-utf-8", line=number)
        yield number, text


def _wide(path: Path, file: IO[bytes], declared: str) -> Iterator[Line]:
    """UTF-16 and UTF-32: a line ends with two or four bytes."""
    number = 0
    text = io.TextIOWrapper(file, encoding=declared, newline="\n")
    while True:
        try:
            line = text.readline(LONGEST_LINE)
        except UnicodeError as error:
            what = f"not {declared.upper()} as its first bytes or data.encoding say: {getattr(error, 'reason', error)}"
            hint = "save the file as UTF-8"
            raise wrong(str(path), what, hint=hint, code="not-utf-8", line=number + 1) from None
        except DAMAGED as error:
            raise _damaged(path, error) from None
        if not line:
            return
        number += 1
        if "\0" in line:
            hint = "save the file as UTF-8"
            raise wrong(str(path), "holds a NUL byte", hint=hint, code="not-utf-8", line=number)
        yield number, line.removeprefix("\ufeff") if number == 1 else line


def _unpacked(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(path))
    if head.startswith(b"BZh"):
        return bz2.open(path)
    if head.startswith(b"\xfd7zXZ\x00"):
        return lzma.open(path)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow

        source: Any = pyarrow.input_stream(str(path), compression="zstd")
        return io.BufferedReader(source)
    return path.open("rb")


def _peeked(path: Path, file: Any) -> bytes:
    """The first bytes, which stay to be read."""
    try:
        return bytes(file.peek(HEAD)[:HEAD])
    except DAMAGED as error:
        raise _damaged(path, error) from None


def _read_line(path: Path, file: IO[bytes], number: int) -> bytes:
    try:
        raw = file.readline(LONGEST_LINE)
    except DAMAGED as error:
        raise _damaged(path, error) from None
    if len(raw) == LONGEST_LINE:
        hint = "write a row a line"
        raise wrong(str(path), "a line is longer than 64 MiB", hint=hint, line=number)
    return raw


def _damaged(path: Path, error: Exception) -> DataError:
    said = " ".join(str(error).split())[:200]
    hint = "fetch the file again"
    return wrong(str(path), f"the packed file is cut off or damaged: {said}", hint=hint, code="damaged")


def _not_decoded(
    path: Path, number: int, raw: bytes, error: UnicodeDecodeError, declared: str | None, head: bytes
) -> DataError:
    where = f"byte 0x{raw[error.start]:02x} at position {error.start + 1} of the line"
    if declared:
        what, hint = f"not {declared}, which data.encoding names: {where}", "save the file as UTF-8"
    else:
        likely = _wide_guess(head) or "windows-1252"
        what = f"not UTF-8: {where}"
        hint = f"save the file as UTF-8, or write data.encoding: {likely} where it is that"
    return wrong(str(path), what, hint=hint, code="not-utf-8", line=number)


def _check_declared(path: Path, number: int, raw: bytes, declared: str) -> None:
    """UTF-8 read as an old code page gives wrong letters, and no error."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return
    hint = "leave data.encoding out"
    raise wrong(str(path), f"UTF-8, not {declared}, which data.encoding names", hint=hint, code="encoding", line=number)  # fmt: skip


def _nul_hint(head: bytes) -> str:
    likely = _wide_guess(head)
    return "save the file as UTF-8" + (f", or write data.encoding: {likely}" if likely else "")


def _wide_guess(head: bytes) -> str | None:
    """UTF-16 without a mark, told by the zero bytes between the letters."""
    half = len(head) // 2
    if half and head[1::2].count(0) > 0.4 * half:
        return "utf-16-le"
    return "utf-16-be" if half and head[0::2].count(0) > 0.4 * half else None


def _keeps_ascii(encoding: str) -> bool:
    return 'a,"{\n'.encode(encoding) == b'a,"{\n'


def _one_byte_each(encoding: str) -> bool:
    return len(bytes(range(128, 256)).decode(encoding, "replace")) == 128
