"""Whether a query gives what the expected one gives, by running both in SQLite."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.data.measurable import tables
from hf_recipes.evaluation.answers import Answer, EvaluationFailed, Messages
from hf_recipes.evaluation.measured import Measured, mean_of
from hf_recipes.sql.process import TIMEOUT, NotStarted, Ran, Task, Worker
from hf_recipes.sql.reading import orders


def sql_execution(
    answers: Sequence[Answer], questions: Mapping[int, Messages], options: Mapping[str, Any]
) -> Measured:
    """1.0 where both queries run and give the same rows: in any order, unless the expected one orders them; column names
    don't count, and the answer is one statement with nothing around it.

    Against the option `database`, or else against tables made from the CREATE TABLE statements in the row's messages and
    filled by seed, three times (in the manner of R. Zhong, T. Yu, D. Klein, Semantic evaluation for text-to-SQL with
    distilled test suites, 2020): all three must agree. Where the expected query doesn't run, only the same text is right;
    where it gives nothing, any query that gives nothing is. Both are counted.
    Raises EvaluationFailed where no expected query runs, or there are no tables.
    """
    values, failed = [], []
    nothing: list[float] = []
    try:
        with Worker() as worker:
            for answer in answers:
                found = worker.run(_task(answer, questions, options))
                error = next((expected.error for _, expected in found if expected.error), "")
                if error:
                    failed.append(f"row {answer.row}: {error}")
                    values.append(float(_text(answer.answer) == _text(answer.reference)))
                    continue
                ordered = orders(answer.reference)
                values.append(float(all(_same(ours, theirs, ordered) for ours, theirs in found)))
                if all(expected.says_nothing for _, expected in found):
                    nothing.append(values[-1])
    except NotStarted as problem:
        raise EvaluationFailed(f"sql_execution: {problem}.") from None
    if len(failed) == len(answers):
        raise EvaluationFailed(f"sql_execution: no expected query runs in SQLite ({failed[0]}).")
    if failed:
        sys.stderr.write(
            f"sql_execution: {len(failed)} of {len(answers)} expected queries do not run in SQLite ({failed[0]}); "
            "there, only an answer of the same text counts\n"
        )
    counts = {"failing": len(failed), "empty": len(nothing), "right_on_empty": round(sum(nothing))}
    return mean_of(values, right_or_wrong=True, counts=counts)


def _task(answer: Answer, questions: Mapping[int, Messages], options: Mapping[str, Any]) -> Task:
    database = options.get("database")
    if database and not Path(str(database)).is_file():
        raise EvaluationFailed(f"sql_execution: the database {Path(str(database)).name} is not there.")
    schema = [] if database else tables(questions.get(answer.row, ()))
    if not database and not schema:
        raise EvaluationFailed(
            f"sql_execution needs the option `database`, or CREATE TABLE statements in the messages; row {answer.row} has none."
        )
    return Task(
        queries=(answer.answer, answer.reference),
        database=str(database) if database else None,
        tables=schema,
        expected=answer.reference,
        timeout=float(options.get("timeout") or TIMEOUT),
    )


def _same(ours: Ran, theirs: Ran, ordered: bool) -> bool:
    if ours.error:
        return False
    mine, expected = ([json.dumps(row) for row in result.rows or ()] for result in (ours, theirs))
    return mine == expected if ordered else sorted(mine) == sorted(expected)


def _text(query: str) -> str:
    return " ".join(query.split()).rstrip("; ").casefold()
