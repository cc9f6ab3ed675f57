"""Rows that stand twice: the same, nearly the same, and in test as well as in train.

Near ones by MinHash over the 5-letter pieces of a text (Broder 1997), found by banding (locality-sensitive hashing).
The signatures are rensa's. Its own index takes 2.4 KB of memory a row (measured: 47 MB for 20,000), without end; here
signatures go to a temporary file of 512 bytes a row. Memory holds 21 bytes a row, and about 100 while they are sorted
(measured: 37 MiB more for 400,000 rows than for 10,000), of at most LIMIT rows.
"""

from __future__ import annotations

import mmap
import re
import tempfile
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hf_recipes.data.splits import row_key

LIMIT = 1_000_000
"""Rows that are compared; those after them are not. What bounds memory."""
SLOTS = 128
BANDS, WIDTH = 21, 6
"""Two texts meet when all slots of a band agree: 99.8 % of the pairs as alike as NEAR do, 28 % of those alike by half."""
NEAR = 0.8
"""The share of pieces that two texts must have in common (Jaccard), as the signatures estimate it (to about ±0.035)."""
PIECE = 5
LONGEST = 100_000
"""Letters of a text that are compared."""
BATCH_ROWS, BATCH_LETTERS = 1024, 250_000
CHUNK = 8192
KEPT = 20
MIX = np.uint64(0x9E3779B97F4A7C15)
NOT_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Row:
    file: str
    line: int


@dataclass(frozen=True)
class Double:
    row: Row
    other: Row
    """Where it stands before, or in train."""
    alike: float
    """1 for the same; else the estimate."""


@dataclass(frozen=True)
class DuplicateRows:
    total: int
    first: Sequence[Double]
    """At most KEPT of them, in the order of the rows."""


@dataclass(frozen=True)
class Doubles:
    rows: int
    """Rows compared."""
    repeated: DuplicateRows
    """Training rows that stand before in train, question and answer."""
    repeated_test: DuplicateRows
    """The same in test."""
    otherwise: DuplicateRows
    """Training rows whose question stands before in train with another answer."""
    near: DuplicateRows
    """Training rows whose question stands before in train nearly the same."""
    leaked: DuplicateRows
    """Test rows whose question stands in train."""
    leaked_otherwise: DuplicateRows
    """Those whose answer does not occur with the question in any training row."""
    leaked_near: DuplicateRows
    """Test rows whose question stands in train nearly the same."""


class SeenRows:
    """The rows seen so far, as hashes (64 bits: among a million rows, two are mixed up once in 37 million data sets)."""

    def __init__(self, *, texts: bool) -> None:
        self._texts = texts
        self._lines, self._whole, self._asked = array("I"), array("Q"), array("Q")
        self._test = bytearray()
        self._files: list[str] = []
        self._starts: list[int] = []
        self._waiting: list[str] = []
        self._letters = 0
        self._signatures = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (closed with the index)

    def add(self, file: str, line: int, *, test: bool, question: object, whole: object, text: str) -> None:
        if len(self._lines) >= LIMIT:
            return
        if not self._files or self._files[-1] != file:
            self._files.append(file)
            self._starts.append(len(self._lines))
        self._lines.append(line)
        self._test.append(test)
        self._asked.append(int.from_bytes(row_key(question)[:8], "little"))
        self._whole.append(int.from_bytes(row_key(whole)[:8], "little"))
        if self._texts:
            self._waiting.append(normalised_text(text))
            self._letters += len(self._waiting[-1])
            if len(self._waiting) >= BATCH_ROWS or self._letters >= BATCH_LETTERS:
                self._flush()

    def result(self) -> Doubles:
        self._flush()
        test = np.frombuffer(self._test, dtype=bool) if self._test else np.zeros(0, bool)
        asked, whole = (np.array(values, dtype=np.uint64) for values in (self._asked, self._whole))
        again, before = repeats(whole, ~test)
        again_test, before_test = repeats(whole, test)
        asked_again, asked_before = repeats(asked, ~test)
        other = ~np.isin(asked_again, again)
        leaked, leaked_from = leaks(asked, test)
        apart = ~np.isin(whole[leaked], whole[~test])
        near, alike = self._near(asked, test)
        near[asked_again] = near[leaked] = -1
        rows = np.flatnonzero(near >= 0)
        in_test = test[rows]
        return Doubles(
            len(test),
            repeated=self._found(again, before),
            repeated_test=self._found(again_test, before_test),
            otherwise=self._found(asked_again[other], asked_before[other]),
            near=self._found(rows[~in_test], near[rows[~in_test]], alike),
            leaked=self._found(leaked, leaked_from),
            leaked_otherwise=self._found(leaked[apart], leaked_from[apart]),
            leaked_near=self._found(rows[in_test], near[rows[in_test]], alike),
        )

    def close(self) -> None:
        self._signatures.close()

    def _flush(self) -> None:
        if self._waiting:
            self._signatures.write(signatures(self._waiting).tobytes())
            self._waiting.clear()
            self._letters = 0

    def _found(self, rows: Any, others: Any, alike: Any = None) -> DuplicateRows:
        first = [
            Double(self._row(int(row)), self._row(int(other)), 1.0 if alike is None else float(alike[row]))
            for row, other in zip(rows[:KEPT], others[:KEPT], strict=True)
        ]
        return DuplicateRows(len(rows), first)

    def _row(self, number: int) -> Row:
        return Row(self._files[bisect_right(self._starts, number) - 1], self._lines[number])

    def _near(self, asked: Any, test: Any) -> tuple[Any, Any]:
        """For each row the nearest one that it is to be compared with, or -1, and how alike they are."""
        nearest = np.full(len(test), -1, dtype=np.int32)
        alike = np.zeros(len(test), dtype=np.float32)
        if not self._texts or len(test) < 2:
            return nearest, alike
        with mmap.mmap(self._signatures.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            slots = np.frombuffer(mapped, dtype=np.uint32).reshape(-1, SLOTS)
            try:
                for band in range(BANDS):
                    for rows, others in candidates(_band_keys(mapped, slots, band), test):
                        _compare(mapped, slots, rows, others, asked, nearest, alike)
            finally:
                del slots  # the map cannot be closed under it
        return nearest, alike


def normalised_text(text: str) -> str:
    """Lower case, one blank where no letter or digit stands: what differs in these alone is alike."""
    text = unicodedata.normalize("NFKC", text[:LONGEST]).casefold()
    return (NOT_WORDS.sub(" ", text).strip() or text).ljust(PIECE)


def signatures(texts: Sequence[str]) -> Any:
    """[texts, SLOTS] of MinHash over the pieces of each; no text is shorter than a piece."""
    from rensa import RMinHash

    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    hashes = np.zeros(len(letters) - PIECE + 1, dtype=np.uint64)
    for place in range(PIECE):
        hashes = hashes * MIX + letters[place : place + len(hashes)]
    hashes ^= hashes >> np.uint64(29)
    hashes *= MIX
    hashes ^= hashes >> np.uint64(32)
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    inside = np.ones(len(letters), dtype=bool)  # a piece does not reach over the end of its text
    for place in range(1, PIECE):
        inside[ends - place] = False
    offsets = np.concatenate([[0], np.cumsum(lengths - PIECE + 1)]).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes[inside[: len(hashes)]], offsets, SLOTS, 1)
    return np.array(matrix.to_rows(), dtype=np.uint32)


def repeats(keys: Any, among: Any) -> tuple[Any, Any]:
    """(rows, the first row with the same key) of the rows `among` whose key stands before; in order."""
    rows = np.flatnonzero(among)
    order = rows[np.argsort(keys[rows], kind="stable")]
    ordered = keys[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))] if len(order) else order
    again, before = order[~new], first[~new]
    by_row = np.argsort(again, kind="stable")
    return again[by_row], before[by_row]


def leaks(keys: Any, test: Any) -> tuple[Any, Any]:
    """(test rows, the first row of train with the same key) of those that have one."""
    rows, train = np.flatnonzero(test), np.flatnonzero(~test)
    if not len(rows) or not len(train):
        return rows[:0], rows[:0]
    train = train[np.argsort(keys[train], kind="stable")]
    at = np.minimum(np.searchsorted(keys[train], keys[rows]), len(train) - 1)
    there = keys[train[at]] == keys[rows]
    return rows[there], train[at[there]]


def candidates(keys: Any, test: Any) -> list[tuple[Any, Any]]:
    """(rows, others) to compare: each row with the first row of train that has its key, and with the last before it.

    Two for each row and band, so that work grows with the rows even where all are alike.
    """
    order = np.lexsort((np.arange(len(keys)), test, keys))
    ordered, in_test = keys[order], test[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    places = np.arange(len(order))
    start = np.maximum.accumulate(np.where(new, places, 0))
    last = np.maximum.accumulate(np.where(in_test, -1, places))  # of train, up to here
    last = np.where(in_test, last, places - 1)
    fits = ~in_test[start]
    found = []
    for other in (start, last):
        use = fits & (other >= start) & (other < places)
        found.append((order[use], order[other[use]]))
    return found


def _band_keys(mapped: mmap.mmap, slots: Any, band: int) -> Any:
    """One number for each row's slots of a band."""
    keys = np.empty(len(slots), dtype=np.uint64)
    for start in range(0, len(slots), CHUNK):
        part = slots[start : start + CHUNK, band * WIDTH : (band + 1) * WIDTH].astype(np.uint64)
        mixed = part[:, 0]
        for place in range(1, WIDTH):
            mixed = (mixed ^ (mixed >> np.uint64(31))) * MIX + part[:, place]
        keys[start : start + CHUNK] = mixed
        _let_go(mapped)
    return keys


def _compare(
    mapped: mmap.mmap, slots: Any, rows: Any, others: Any, asked: Any, nearest: Any, alike: Any
) -> None:
    open_ones = (nearest[rows] != others) & (asked[rows] != asked[others])
    rows, others = rows[open_ones], others[open_ones]
    for start in range(0, len(rows), CHUNK):
        some, other = rows[start : start + CHUNK], others[start : start + CHUNK]
        share = (slots[some] == slots[other]).mean(axis=1, dtype=np.float32)
        better = (share >= NEAR) & (share > alike[some])
        nearest[some[better]], alike[some[better]] = other[better], share[better]
        _let_go(mapped)


def _let_go(mapped: mmap.mmap) -> None:
    """Pages of the file that have been read are not kept in this process's memory."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
