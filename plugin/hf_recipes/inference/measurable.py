"""Whether the recipe's metrics can measure a test row: found out before hours are spent on training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hf_recipes.data.findings import wrong
from hf_recipes.data.measurable import JSON_FIELDS, fields_of, lacking
from hf_recipes.inference.request import Request

CODE = "unmeasurable"
HINT = "correct the row, or take the metric out of evaluate.metrics"


def unmeasurable(request: Request, row: Mapping[str, Any]) -> Iterator[str]:
    """For each of the recipe's metrics that `row`, as test.jsonl has it, lacks something for: a clause."""
    if request.evaluate is None or "messages" not in row:
        return
    for metric in request.evaluate.metrics:
        why = lacking(metric.name, metric.options, str(row["reference"]), row["messages"])
        if why:
            yield f"can't be measured by {metric.name}: {why}"


def check_row(request: Request, row: Mapping[str, Any], split: str) -> None:
    """`row` as test.jsonl has it. Raises DataError for the first metric that it lacks something for."""
    for clause in unmeasurable(request, row):
        raise wrong(request.data.path, f"row {row['row']} of {split} {clause}", hint=HINT, code=CODE)


class ExpectedFields:
    """Whether each of a JSON metric's `fields` stands in some expected answer. One that stands in none is misspelt, and
    every answer would be right in it."""

    def __init__(self, request: Request) -> None:
        self._wanted: dict[str, str] = {}
        for metric in request.evaluate.metrics if request.evaluate else ():
            fields = metric.options.get("fields")
            if metric.name in JSON_FIELDS and isinstance(fields, (list, tuple)):
                self._wanted |= {str(field): metric.name for field in fields}
        self._path = request.data.path
        self._found: set[str] = set()

    def add(self, row: Mapping[str, Any]) -> None:
        if self._wanted and "messages" in row:
            self._found |= fields_of(str(row["reference"]))

    def check(self, split: str) -> None:
        """Raises DataError for the first field that no row has. Call it when all rows have been added."""
        for field, metric in self._wanted.items():
            if field not in self._found:
                what = f"no expected answer of {split} has the field {field!r}, which {metric} counts"
                hint = f"the fields are {', '.join(sorted(self._found)[:20])}"
                raise wrong(self._path, what, hint=hint, code=CODE)
