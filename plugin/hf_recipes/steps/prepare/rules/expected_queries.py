"""Expected SQL that does not run, or gives nothing: what sql_execution can tell little by."""

from __future__ import annotations

import time
from pathlib import Path

from hf_recipes.data.measurable import tables
from hf_recipes.data.tally import Tally
from hf_recipes.recipe.model import Metric
from hf_recipes.sql.process import TIMEOUT, NotStarted, Task, Worker
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

LONGEST = 60.0
"""Seconds that running them may take in all."""


def expected_queries(context: Context) -> Rule | None:
    metrics = context.job.evaluate.metrics if context.job.evaluate else ()
    metric = next((metric for metric in metrics if metric.name == "sql_execution"), None)
    if metric is None or not context.form.conversations:
        return None
    database = metric.options.get("database")
    return None if database and not Path(str(database)).is_file() else ExpectedQueries(context, metric)


class ExpectedQueries:
    def __init__(self, context: Context, metric: Metric) -> None:
        self._context, self._options = context, metric.options
        self._failing, self._empty = Tally(), Tally()
        self._worker = Worker()
        self._rows = self._run = 0
        self._seconds, self._file = 0.0, ""

    def look(self, row: SeenRow) -> None:
        if row.part != "test":
            return
        self._rows += 1
        self._file = self._file or row.file
        if self._seconds > LONGEST:
            return
        began = time.monotonic()
        self._ask(row)
        self._seconds += time.monotonic() - began

    def finish(self) -> None:
        self._worker.stop()
        void = self._failing.total + self._empty.total
        tally = self._context.problems if self._run and void == self._run else self._context.warnings
        tally.take(self._failing)
        tally.take(self._empty)
        if self._run < self._rows and self._seconds > LONGEST:
            message = f"{self._run:,} of {self._rows:,} expected queries were run: they took more than {LONGEST:g} s"
            self._context.warnings.add(self._file, 0, message, code="expected-queries-not-run")

    def _ask(self, row: SeenRow) -> None:
        asked = self._context.form.test_row(row.line, row.record)
        query, messages = str(asked["reference"]), asked["messages"]
        database = self._options.get("database")
        schema = [] if database else tables(messages)  # type: ignore[arg-type]
        if not (database or schema):
            return  # told as what can't be measured
        timeout = float(str(self._options.get("timeout") or TIMEOUT))
        task = Task((query,), str(database) if database else None, schema, query, timeout)
        try:
            found = [ran for [ran] in self._worker.run(task)]
        except NotStarted:
            self._seconds = LONGEST + 1
            return
        self._run += 1
        error = next((ran.error for ran in found if ran.error), "")
        if error:
            message = f"the expected query does not run ({error}): only an answer of the same text counts"
            self._failing.add(row.file, row.line, message, code="expected-query-fails")
        elif all(ran.says_nothing for ran in found):
            message = "the expected query gives nothing: any query that gives nothing counts as right"
            self._empty.add(row.file, row.line, message, code="expected-query-empty")
