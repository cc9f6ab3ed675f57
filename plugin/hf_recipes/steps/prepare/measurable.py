"""Whether the recipe's metrics can measure a test row: found out before hours are spent on training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hf_recipes.data.findings import wrong
from hf_recipes.data.measurable import ExpectedFields, lacking
from hf_recipes.record.job import Job

CODE = "unmeasurable"
HINT = "correct the row, or take the metric out of evaluate.metrics"


def unmeasurable(job: Job, row: Mapping[str, Any]) -> Iterator[str]:
    """For each of the recipe's metrics that `row`, as test.jsonl has it, lacks something for: a clause."""
    if job.evaluate is None or "messages" not in row:
        return
    for metric in job.evaluate.metrics:
        why = lacking(metric.name, metric.options, str(row["reference"]), row["messages"])
        if why:
            yield f"can't be measured by {metric.name}: {why}"


def check_row(job: Job, row: Mapping[str, Any], split: str) -> None:
    """`row` as test.jsonl has it. Raises DataError for the first metric that it lacks something for."""
    for clause in unmeasurable(job, row):
        raise wrong(job.data.path, f"row {row['row']} of {split} {clause}", hint=HINT, code=CODE)


def expected_fields(job: Job) -> ExpectedFields:
    """The fields that the recipe's metrics compare."""
    metrics = job.evaluate.metrics if job.evaluate else ()
    return ExpectedFields((metric.name, metric.options) for metric in metrics)


def check_fields(job: Job, fields: ExpectedFields, split: str) -> None:
    """Once every row of `split` has been added. Raises DataError for the first field that no row has."""
    if missing := fields.missing():
        field, metric, there = missing
        what = f"no expected answer of {split} has the field {field!r}, which {metric} counts"
        raise wrong(job.data.path, what, hint=f"the fields are {', '.join(there)}", code=CODE)
