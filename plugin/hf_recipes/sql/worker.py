"""Runs untrusted SQL in a separate process: `python -I worker.py`. Standard library only.

Says {"ready": true}, then answers each line of JSON with one. {"database": path} or {"tables": [CREATE TABLE …], "values":
[literals], "of_columns": {column: [literals]}, "seed": n, "timeout": s} opens a database, {"error": null}; {"query": SQL,
"timeout": s} runs in it, {"rows": [[…]] or null, "error": null or why}.

Read-only three times over: a file is opened as such, query_only is set, and an authorizer lets nothing but reading through
(no ATTACH, no PRAGMA, no extensions). Time, rows and memory are bounded, and what is sorted is never put on the disk.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
import sys
import time
from typing import Any
from urllib.parse import quote

ROWS = 10_000
BYTES = 8 << 20
"""A result of more rows, or more text, is not compared."""
MEMORY = 1 << 30
"""Bytes that this process may take."""
HEAP = 512 << 20
"""Bytes that SQLite may take of it, on systems that know no bound for a process too."""
LONGEST = 64 << 20
"""Bytes of one text or blob."""
FILLED = 60
"""Rows a table."""
LIKELY = (0.9, 0.2)
"""How often a column holds a literal that it is compared with, in rows of even and of odd number."""
WORDS = ("alpha", "beta", "gamma", "delta")
ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, 33)
"""33 is SQLITE_RECURSIVE, which Python 3.10 has no name for."""


def main() -> None:
    _bound_memory()
    database: sqlite3.Connection | None = None
    _say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        if "query" in request:
            assert database is not None
            _say(query_result(database, request["query"], request["timeout"]))
            continue
        if database is not None:
            database.close()
        try:
            database = opened(request)
            _say({"error": None})
        except (sqlite3.Error, MemoryError) as error:
            database = None
            _say({"error": str(error)[:200] or "took too much memory"})


def opened(request: dict[str, Any]) -> sqlite3.Connection:
    if "database" in request:
        # immutable would miss what a write-ahead log holds; mode=ro does not.
        database = sqlite3.connect(f"file:{quote(request['database'])}?mode=ro", uri=True)
        _bound(database)
    else:
        database = filled_database(request)
    _read_only(database)
    return database


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def query_result(database: sqlite3.Connection, query: str, timeout: float) -> dict[str, Any]:
    end = _stop_after(database, timeout)
    try:
        cursor = database.execute(query)
        if cursor.description is None:  # nothing, a comment: it would equal a result without rows
            return {"rows": None, "error": "not a query"}
        rows: list[list[Any]] = []
        letters = 0
        for row in cursor:
            rows.append([_plain(cell) for cell in row])
            letters += sum(len(str(cell)) for cell in rows[-1])
            if len(rows) > ROWS:
                return {"rows": None, "error": f"more than {ROWS} rows"}
            if letters > BYTES:
                return {"rows": None, "error": f"a result of more than {BYTES >> 20} MB"}
    except MemoryError:  # says nothing by itself
        return {"rows": None, "error": "took too much memory"}
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        late = time.monotonic() > end
        return {"rows": None, "error": f"took more than {timeout:g} s" if late else str(error)[:200]}
    return {"rows": rows, "error": None}


def _stop_after(database: sqlite3.Connection, timeout: float) -> float:
    """When it will be, as time.monotonic() has it."""
    end = time.monotonic() + timeout
    database.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    return end


def filled_database(task: dict[str, Any]) -> sqlite3.Connection:
    """A database in memory with the task's tables, holding the literals of the query so that conditions are met by some
    rows and not by others. A column has those it is compared with (`of_columns`), in every second row nearly always, since
    conditions are joined by AND; one that is compared with none has any of `values` about half of the time."""
    database = sqlite3.connect(":memory:")
    _bound(database)
    chance = random.Random(task["seed"])
    values, of_columns = task["values"], task["of_columns"]
    _stop_after(database, task["timeout"])  # a table may be made AS SELECT
    for table in task["tables"]:
        try:
            database.execute(table)
        except sqlite3.Error:
            continue  # the queries that need it say so
    database.set_progress_handler(None, 0)  # rows left out at random would make a database another one
    names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        columns = database.execute(f"PRAGMA table_info({quoted})").fetchall()
        marks = ", ".join("?" * len(columns))
        for number in range(FILLED):
            row = [
                _cell(kind, of_columns.get(column.lower()), values, chance, number, is_key=bool(key))
                for _, column, kind, _, _, key in columns
            ]
            try:
                database.execute(f"INSERT OR IGNORE INTO {quoted} VALUES ({marks})", row)
            except sqlite3.Error:
                continue  # such as 1.5 in an INTEGER PRIMARY KEY, which takes whole numbers alone
    database.commit()
    return database


def _cell(
    kind: str, own: list[Any] | None, values: list[Any], chance: random.Random, number: int, *, is_key: bool
) -> Any:
    """`own`: the literals that the column is compared with. A key without any is counted up: equal keys would be one row."""
    likely = LIKELY[number % 2] if own else 0 if is_key else 0.5
    value = _literal(kind, own or values, chance) if chance.random() < likely else None
    return _other(kind, chance, number, is_key=is_key) if value is None else value


def _literal(kind: str, values: list[Any], chance: random.Random) -> Any:
    """One of the values or next to it, as the column's type has it; None where none fits.

    Next to a number, so that < and <= differ; around a text, so that LIKE '%x%' finds more than = 'x'."""
    fitting = (
        [number for number in map(_number, values) if number is not None] if _is_numeric(kind) else values
    )
    if not fitting:
        return None
    value = chance.choice(fitting)
    if isinstance(value, str):
        return chance.choice((value, value, f"{chance.choice(WORDS)} {value}"))
    value += chance.choice((-1, 0, 0, 1))
    return value if _is_numeric(kind) else str(value)


def _other(kind: str, chance: random.Random, number: int, *, is_key: bool) -> Any:
    if is_key:
        return number + 1 if _is_numeric(kind) else f"{chance.choice(WORDS)} {number + 1}"
    return chance.randint(1, 9) if _is_numeric(kind) else chance.choice(WORDS)


def _is_numeric(kind: str) -> bool:
    return any(part in kind.upper() for part in ("INT", "REAL", "NUM", "DEC", "FLOA", "DOUB", "BOOL"))


def _number(value: Any) -> Any:
    """A number, also one that stands in quotes; None for another text."""
    if not isinstance(value, str):
        return value
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value):
        return None
    return float(value) if "." in value else int(value)


def _bound(database: sqlite3.Connection) -> None:
    database.execute(f"PRAGMA hard_heap_limit = {HEAP}")
    if hasattr(database, "setlimit"):  # Python 3.11
        database.setlimit(0, LONGEST)  # SQLITE_LIMIT_LENGTH


def _read_only(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA query_only = ON")
    database.execute("PRAGMA temp_store = MEMORY")
    database.set_authorizer(_authorize)


def _authorize(action: int, first: str | None, second: str | None, *rest: object) -> int:
    del first, rest
    if action not in ALLOWED or second in ("load_extension", "writefile", "readfile", "edit"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _plain(cell: Any) -> Any:
    """As JSON has it, where 1 and 1.0 are the same; the last digits of a sum depend on the order in which it was made."""
    if isinstance(cell, bytes):
        return {"bytes": cell.hex()}
    if not isinstance(cell, float):
        return cell
    rounded = float(f"{cell:.9g}")
    return int(rounded) if rounded.is_integer() else rounded


def _bound_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not on this system


if __name__ == "__main__":
    main()
