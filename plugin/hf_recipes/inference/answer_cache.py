"""Answers that were made before, by what they follow from: weights, prompt tokens, ends and length.

A repeated evaluation takes them from here, and one that was killed goes on where it stopped. The cache is a help and
never a condition: where its file cannot be used, answers are made as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

FORMAT = 1
"""Raised when the same key would no longer give the same answer."""
MOST_BYTES = 256 * 1024 * 1024
NAME = "answers.sqlite3"
SWITCH = "HF_RECIPES_ANSWER_CACHE"
"""Set to 0, nothing is taken from the cache nor put into it."""
SQLITE_MANY = 500
"""Keys asked for at once: SQLite bounds the parameters of a statement."""


def key(*parts: object) -> str:
    """A name for an answer: the same for the same parts, which JSON can hold, and for no others."""
    return hashlib.sha256(json.dumps([FORMAT, *parts]).encode()).hexdigest()


class AnswerCache:
    """Key → a small JSON object, on disk, the least recently used forgotten first. One process may write while others do."""

    def __init__(self, folder: Path | None, *, most_bytes: int = MOST_BYTES) -> None:
        """`folder`: where its file is kept; None for a cache that holds nothing."""
        self._most = most_bytes
        self._file: sqlite3.Connection | None = None
        if folder is None or os.environ.get(SWITCH) == "0":
            return
        try:
            self._file = _opened(folder / NAME)
        except (OSError, sqlite3.Error):
            self._file = None

    def get(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What is there of these keys."""
        wanted = list(keys)
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(wanted), SQLITE_MANY):
            some = wanted[start : start + SQLITE_MANY]
            marks = ",".join("?" * len(some))
            rows = self._ask(f"SELECT key, value FROM answers WHERE key IN ({marks})", some)
            for name, value in rows:
                with suppress(ValueError):
                    found[name] = json.loads(value)
        if found:
            self._write(
                "UPDATE answers SET used = CAST(strftime('%s','now') AS INTEGER) WHERE key = ?",
                [(name,) for name in found],
            )
        return found

    def put(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Kept from here on, also when this process is killed."""
        rows = [(name, json.dumps(value, ensure_ascii=False)) for name, value in values.items()]
        self._write(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, CAST(strftime('%s','now') AS INTEGER))", rows
        )
        self._forget()

    def _forget(self) -> None:
        """Half of the answers, those not asked for the longest, once the file is as large as it may be."""
        [(pages, free, size)] = self._ask(
            "SELECT a.page_count, b.freelist_count, c.page_size"
            " FROM pragma_page_count a, pragma_freelist_count b, pragma_page_size c",
            (),
        ) or [(0, 0, 0)]
        if (pages - free) * size > self._most:
            self._write(
                "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY used, rowid"
                " LIMIT (SELECT count(*) / 2 FROM answers))",
                [()],
            )

    def _ask(self, statement: str, parameters: Iterable[object]) -> list[tuple[Any, ...]]:
        if self._file is None:
            return []
        try:
            return self._file.execute(statement, tuple(parameters)).fetchall()
        except sqlite3.Error:
            self._leave()
            return []

    def _write(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        if self._file is None:
            return
        try:
            with self._file:
                self._file.executemany(statement, rows)
        except sqlite3.Error:
            self._leave()

    def _leave(self) -> None:
        """The disk is full, or the file damaged: this process goes on without it."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(sqlite3.Error):
                file.close()


def _opened(path: Path) -> sqlite3.Connection:
    """A damaged file is begun anew: it holds nothing that cannot be made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connected(path)
    except sqlite3.DatabaseError as error:
        if "not a database" not in str(error) and "malformed" not in str(error):
            raise
    for left in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        left.unlink(missing_ok=True)
    return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=10, check_same_thread=False)
    try:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, value TEXT, used INTEGER)")
        file.execute("CREATE INDEX IF NOT EXISTS by_use ON answers (used)")
        file.commit()
    except sqlite3.Error:
        file.close()
        raise
    path.chmod(0o600)  # answers may hold what the prompts of a person hold
    return file
