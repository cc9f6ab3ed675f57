"""A file that is one JSON object: the shapes in which pandas and others write a whole table into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.data.cell_text import is_conversation
from hf_recipes.data.findings import wrong

WRAPPERS = frozenset(
    {"data", "rows", "train", "test", "validation", "examples", "instances", "items", "records", "results", "dataset"}
)  # fmt: skip
"""Keys under which people keep a list of rows."""

Rows = Sequence[dict[str, object]]


def rows_of_object(path: Path, found: Mapping[str, Any], *, lists: bool) -> Rows | None:
    """The rows of a table that is written as one object; None where the object is a row itself.

    `lists`: whether columns as lists are read, as the name .json says. In a file of JSON lines they are a problem: that
    is one row by its name. Raises DataError for rows that stand under a key.
    """
    values = list(found.values())
    if {"columns", "data"} <= set(found) <= {"columns", "data", "index"} and _are_split(found):
        return [dict(zip(found["columns"], row, strict=True)) for row in found["data"]]
    if {"schema", "data"} == set(found) and _are_rows(found["data"]):
        return list(found["data"])
    if values and all(isinstance(value, dict) and value for value in values):
        return _of_mappings(path, found, lists)
    if _are_columns(values):
        if not lists:
            what = f"one object whose values are lists of {len(values[0])}: columns, not rows"
            hint = "write one {…} a line; a file that ends in .json is read by columns"
            raise wrong(str(path), what, hint=hint, code="columns")
        return [dict(zip(found, row, strict=True)) for row in zip(*values, strict=True)]
    for name, value in found.items():
        if name.lower() in WRAPPERS and _are_rows(value):
            what = f"one object that holds {len(value)} rows under {name!r}"
            raise wrong(str(path), what, hint="keep that list alone in the file", code="wrapped")
    return None


def _are_split(found: Mapping[str, Any]) -> bool:
    """As pandas writes a table with orient="split"."""
    names, rows = found["columns"], found["data"]
    if not (
        isinstance(names, list) and isinstance(rows, list) and all(isinstance(name, str) for name in names)
    ):
        return False
    return all(isinstance(row, list) and len(row) == len(names) for row in rows)


def _of_mappings(path: Path, found: Mapping[str, Mapping[str, Any]], lists: bool) -> Rows | None:
    """{"column": {"0": value, …}} as pandas writes it, or {"0": {"column": value, …}}."""
    first, *others = found.values()
    if not all(list(other) == list(first) for other in others):
        return None
    if all(name.isdigit() for name in first):
        return [{name: column[index] for name, column in found.items()} for index in first]
    if all(name.isdigit() for name in found):
        return [dict(row) for row in found.values()]
    if lists and len(found) > 1 and len(first) > 1:
        what = "one object of objects: rows that stand under their names, or columns"
        hint = "write the rows as a list, [{…}, {…}]"
        raise wrong(str(path), what, hint=hint, code="columns")
    return None


def _are_columns(values: Sequence[Any]) -> bool:
    """Lists of one length, and none of them a conversation or a row's list of objects alone."""
    if not values or not all(isinstance(value, list) for value in values):
        return False
    if len(values) == 1 and _are_rows(values[0]):
        return False
    return (
        len(values[0]) > 1
        and len({len(value) for value in values}) == 1
        and not any(map(is_conversation, values))
    )


def _are_rows(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) for item in value)
        and not is_conversation(value)
    )
