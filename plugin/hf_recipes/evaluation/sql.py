"""Whether a query gives what the expected one gives, by running both in SQLite."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.data.measurable import tables
from hf_recipes.evaluation.answers import Answer, EvaluationFailed, Messages
from hf_recipes.evaluation.measured import Measured, mean_of

TIMEOUT = 5.0
"""Seconds that a query may take where the recipe says nothing."""
GRACE = 10.0
"""Seconds after which the worker is killed, where SQLite doesn't look at the clock: inside one long function."""
KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""Of the environment: what Python may need to start, and no secret."""
LITERAL = re.compile(r"'((?:[^']|'')*)'|\"([^\"]*)\"|(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])")
COMPARED = re.compile(
    rf"""\b(\w+)[\])"`]*\s*(?:not\s+)?(?:[=<>!]+|like\b|in\s*\(|between\b)\s*(?:{LITERAL.pattern})""", re.I
)
"""A column, and the literal that it is compared with."""
QUOTED = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]")
WITHIN = re.compile(r"\([^()]*\)")
ORDERED = re.compile(r"\border\s+by\b", re.I)


def sql_execution(
    answers: Sequence[Answer], questions: Mapping[int, Messages], options: Mapping[str, Any]
) -> Measured:
    """1.0 where both queries run and give the same rows: in any order, unless the expected one orders them; column names
    don't count, and the answer is one statement with nothing around it.

    Against the option `database`, or else against tables made from the CREATE TABLE statements in the row's messages and
    filled by seed, three times (in the manner of R. Zhong, T. Yu, D. Klein, Semantic evaluation for text-to-SQL with
    distilled test suites, 2020): all three must agree. Where the expected query doesn't run, only the same text is right.
    Raises EvaluationFailed where no expected query runs, or there are no tables.
    """
    timeout = float(options.get("timeout") or TIMEOUT)
    values, failed = [], []
    with Worker() as worker:
        for one in answers:
            found = worker.run(_task(one, questions, options, timeout))
            error = next((pair[1]["error"] for pair in found if pair[1]["error"]), None)
            if error:
                failed.append(f"row {one.row}: {error}")
                values.append(float(_text(one.answer) == _text(one.reference)))
            else:
                ordered = orders(one.reference)
                values.append(float(all(_same(ours, theirs, ordered) for ours, theirs in found)))
    if len(failed) == len(answers):
        raise EvaluationFailed(f"sql_execution: no expected query runs in SQLite ({failed[0]}).")
    if failed:
        sys.stderr.write(
            f"sql_execution: {len(failed)} of {len(answers)} expected queries do not run in SQLite ({failed[0]}); "
            "there, only an answer of the same text counts\n"
        )
    return mean_of(values, right_or_wrong=True)


def _task(
    one: Answer, questions: Mapping[int, Messages], options: Mapping[str, Any], timeout: float
) -> dict[str, Any]:
    database = options.get("database")
    if database and not Path(str(database)).is_file():
        raise EvaluationFailed(f"sql_execution: the database {Path(str(database)).name} is not there.")
    schema = [] if database else tables(questions.get(one.row, ()))
    if not database and not schema:
        raise EvaluationFailed(
            f"sql_execution needs the option `database`, or CREATE TABLE statements in the messages; row {one.row} has none."
        )
    return {
        "database": database or None,
        "tables": schema,
        "values": literals(one.reference),
        "of_columns": compared(one.reference),
        "queries": [one.answer, one.reference],
        "timeout": timeout,
    }


def orders(query: str) -> bool:
    """Whether the query itself has an ORDER BY, not one in parentheses within it."""
    query = QUOTED.sub("''", query)
    while (shorter := WITHIN.sub(" ", query)) != query:
        query = shorter
    return ORDERED.search(query) is not None


def literals(query: str) -> list[Any]:
    """The texts and numbers in a query. Double quotes mark names in SQL, and texts in much that is written as SQL."""
    found = [_value(*groups) for groups in LITERAL.findall(query)]
    return [value for value in dict.fromkeys(found) if _usable(value)]


def compared(query: str) -> dict[str, list[Any]]:
    """Column, in small letters → the literals that the query compares it with."""
    found: dict[str, list[Any]] = {}
    for column, *groups in COMPARED.findall(query):
        value = _value(*groups)
        if _usable(value):
            found.setdefault(column.lower(), []).append(value)
    return found


def _value(single: str, double: str, number: str) -> Any:
    if number:
        return float(number) if "." in number else int(number)
    return (single.replace("''", "'") or double).strip("%")


def _usable(value: Any) -> bool:
    return bool(value != "" and not (isinstance(value, int) and value >= 2**62))


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any], ordered: bool) -> bool:
    if ours["error"]:
        return False
    mine, expected = ([json.dumps(row) for row in one["rows"]] for one in (ours, theirs))
    return mine == expected if ordered else sorted(mine) == sorted(expected)


def _text(query: str) -> str:
    return " ".join(query.split()).rstrip("; ").casefold()


class Worker:
    """The process that runs queries; started again after one that had to be killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def run(self, task: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        """For each database: what each query gave."""
        found = self._ask(task)
        if found is not None:
            return found
        # One of the queries took the worker with it: which one is known when each has a worker of its own.
        alone = [self._ask({**task, "queries": [query]}) for query in task["queries"]]
        count = max([1, *(len(one) for one in alone if one)])
        dead = {"rows": None, "error": "took too much time or memory"}
        return [[one[place][0] if one else dead for one in alone] for place in range(count)]

    def _ask(self, task: Mapping[str, Any]) -> list[list[dict[str, Any]]] | None:
        """None where the worker died, or was silent for too long."""
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        longest = float(task["timeout"]) * len(task["queries"]) * 3 + GRACE
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], longest)
            line = process.stdout.readline() if ready else ""
        except BrokenPipeError:
            line = ""
        if not line:
            self._stop()
            return None
        results: list[list[dict[str, Any]]] = json.loads(line)["results"]
        return results

    def _start(self) -> subprocess.Popen[str]:
        script = Path(__file__).with_name("sql_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="surrogatepass",
            env={name: os.environ[name] for name in KEPT if name in os.environ},
        )
        return self._process

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
