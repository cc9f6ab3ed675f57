"""`hf-recipes schema --field params.lr`: one key in words, from the same table that validates it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hf_recipes.recipe import autotrain
from hf_recipes.recipe.check import bounds
from hf_recipes.recipe.fields import Field, children, common, fields_for, of_task
from hf_recipes.recipe.kinds import listed
from hf_recipes.recipe.secrets import printable
from hf_recipes.recipe.spelling import one_of, suggestion


class UnknownField(ValueError):
    """There is no such key, or no such task; the text says what to write instead."""


def explain(field: str, task: str | None = None) -> str:
    """Type, default, meaning and source of a key, for one task or for each that has it. Raises UnknownField."""
    lines = [field]
    for entry in described(field, task):
        lines.append("")
        lines += [f"  {name + ':':<9} {value}" for name, value in entry.items() if value is not None]
    return "\n".join(lines)


def described(key: str, task: str | None = None) -> list[dict[str, Any]]:
    """One entry for each way in which the tasks' definitions of a key differ. Raises UnknownField."""
    groups: list[tuple[Field, list[str]]] = []
    for name, field in _found(key, task):
        names = next((names for one, names in groups if _same(one, field)), None)
        if names is None:
            groups.append((field, [name]))
        else:
            names.append(name)
    known = fields_for(_canonical(task) if task else None)
    return [_entry(field, [name for name in names if name], known) for field, names in groups]


def _found(key: str, task: str | None) -> list[tuple[str, Field]]:
    pattern = ".".join("*" if part.isdecimal() else part for part in key.split("."))
    canonical = _canonical(task) if task else None
    if pattern in common():
        return [("", common()[pattern])]
    if canonical:
        tasks: tuple[str, ...] = (canonical,)
    else:
        tasks = autotrain.tasks()
    found = [(name, of_task(name)[pattern]) for name in tasks if pattern in of_task(name)]
    if not found:
        parent, _, name = pattern.rpartition(".")
        hint = suggestion(parent, name, fields_for(canonical)).replace(".*", ".0")
        of = f" for {task}" if task else ""
        raise UnknownField(f"{printable(key)}: no such key{of}" + (f"; {hint}" if hint else ""))
    return found


def _canonical(task: str) -> str:
    if task in autotrain.tasks():
        return task
    meaning = autotrain.meaning_of(task)
    if meaning is None:
        raise UnknownField(f"no such task; {one_of(task, autotrain.names())}")
    return meaning[0]


def _same(one: Field, other: Field) -> bool:
    return (one.types, one.default, one.choices) == (other.types, other.default, other.choices)


def _entry(field: Field, tasks: list[str], fields: Mapping[str, Field]) -> dict[str, Any]:
    item = common().get(f"{field.key}.*", field)  # of a list: what its items may be
    below = children(fields, item.key)
    values = [str(choice) for choice in item.choices] + (
        ["null"] if field.choices and "null" in field.types else []
    )
    source = field.source
    if len(tasks) > 1:
        source = f"{source.rpartition(' ')[0]} {', '.join(autotrain.class_of(task) for task in tasks)}"
    return {
        "type": listed(field.types),
        "default": "required" if field.required else json.dumps(field.default, ensure_ascii=False),
        "meaning": field.meaning,
        "allowed": ", ".join(values) or bounds(field) or None,
        "keys": ", ".join(below) or None,
        "tasks": ", ".join(tasks) or None,
        "source": source,
    }
