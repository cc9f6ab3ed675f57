"""`hf-recipes schema --field params.lr`: one key in words, from the same table that validates it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hf_recipes.recipe.check import range_in_words
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field, children, common, fields_for
from hf_recipes.recipe.kinds import types_in_words
from hf_recipes.recipe.secrets import printable
from hf_recipes.recipe.spelling import one_of, suggestion


class UnknownField(ValueError):
    """There is no such key, or no such task; the text says what to write instead."""


def explain(schema: EngineSchema, field: str, task: str | None = None) -> str:
    """Type, default, meaning and source of a key, for one task or for each that has it. Raises UnknownField."""
    lines = [field]
    for entry in described(schema, field, task):
        lines.append("")
        lines += [f"  {name + ':':<9} {value}" for name, value in entry.items() if value is not None]
    return "\n".join(lines)


def described(schema: EngineSchema, key: str, task: str | None = None) -> list[dict[str, Any]]:
    """One entry for each way in which the tasks' definitions of a key differ. Raises UnknownField."""
    groups: list[tuple[Field, list[str]]] = []
    for name, field in _found(schema, key, task):
        names = next((names for known, names in groups if _same(known, field)), None)
        if names is None:
            groups.append((field, [name]))
        else:
            names.append(name)
    known = fields_for(schema, _canonical(schema, task) if task else None)
    return [_entry(schema, field, [name for name in names if name], known) for field, names in groups]


def _found(schema: EngineSchema, key: str, task: str | None) -> list[tuple[str, Field]]:
    pattern = ".".join("*" if part.isdecimal() else part for part in key.split("."))
    canonical = _canonical(schema, task) if task else None
    if pattern in common(schema):
        return [("", common(schema)[pattern])]
    tasks = [name for name in schema.tasks_with(pattern) if canonical in (None, name)]
    found = [(name, schema.task_fields(name)[pattern]) for name in tasks]
    if not found:
        parent, _, name = pattern.rpartition(".")
        hint = suggestion(parent, name, fields_for(schema, canonical), schema).replace(".*", ".0")
        of = f" for {task}" if task else ""
        raise UnknownField(f"{printable(key)}: no such key{of}" + (f"; {hint}" if hint else ""))
    return found


def _canonical(schema: EngineSchema, task: str) -> str:
    if task in schema.tasks:
        return task
    if task not in schema.task_names:
        raise UnknownField(f"no such task; {one_of(task, tuple(schema.task_names))}")
    return schema.task_names[task][0]


def _same(field: Field, other: Field) -> bool:
    return (field.types, field.default, field.choices) == (other.types, other.default, other.choices)


def _entry(
    schema: EngineSchema, field: Field, tasks: list[str], fields: Mapping[str, Field]
) -> dict[str, Any]:
    item = common(schema).get(f"{field.key}.*", field)  # of a list: what its items may be
    below = children(fields, item.key)
    values = [str(choice) for choice in item.choices] + (
        ["null"] if field.choices and "null" in field.types else []
    )
    source = field.source
    if len(tasks) > 1:
        source = (
            f"{source.rpartition(' ')[0]} {', '.join(_class_of(schema, task, field.key) for task in tasks)}"
        )
    return {
        "type": types_in_words(field.types),
        "default": "required" if field.required else json.dumps(field.default, ensure_ascii=False),
        "meaning": field.meaning,
        "allowed": ", ".join(values) or range_in_words(field) or None,
        "keys": ", ".join(below) or None,
        "tasks": ", ".join(tasks) or None,
        "source": source,
    }


def _class_of(schema: EngineSchema, task: str, key: str) -> str:
    """The last word of a parameter's source: the class that it belongs to."""
    return schema.task_fields(task)[key].source.rpartition(" ")[2]
