"""The JSON Schema of a recipe, made from the table of fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hf_recipes.catalog.backend_names import backend_names
from hf_recipes.recipe.check import FREE
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import METRIC_OPTIONS, NEEDED_OPTIONS, Field, children, common
from hf_recipes.recipe.kinds import NUMBER_AS_TEXT, SCHEMAS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}


def json_schema(schema: EngineSchema) -> dict[str, Any]:
    """Draft 2020-12. Each family of tasks has its `params` and `column_mapping`, chosen by `task`."""
    return {
        "$schema": DIALECT,
        "title": "hf-recipes recipe",
        **_object("", common(schema)),
        "patternProperties": {f"^{FREE}": True},
        "allOf": [_when(schema, task) for task in schema.tasks],
        "$defs": {task: _of_task(schema, task) for task in schema.tasks},
    }


def _when(schema: EngineSchema, task: str) -> dict[str, Any]:
    return {
        "if": {"properties": {"task": {"enum": schema.names_of(task)}}, "required": ["task"]},
        "then": {"$ref": f"#/$defs/{task}"},
    }


def _of_task(schema: EngineSchema, task: str) -> dict[str, Any]:
    fields = schema.task_fields(task)
    return {
        "properties": {
            "params": {**_object("params", fields), "type": ["object", "null"]},
            "data": {"properties": {"column_mapping": _object("data.column_mapping", fields)}},
        }
    }


def _object(parent: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    found = {name: fields[f"{parent}.{name}" if parent else name] for name in children(fields, parent)}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: _of_field(field, fields) for name, field in found.items()},
        "additionalProperties": False,
    }
    required = [name for name, field in found.items() if field.required]
    return {**schema, "required": required} if required else schema


def _of_field(field: Field, fields: Mapping[str, Field]) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": f"{field.meaning} ({field.source})"}
    if field.default is not None:
        schema["default"] = field.default
    if field.key == "backend":  # no choices of the field: a wrong one is explained better than by a list
        return {**schema, "anyOf": [{"type": "string", "enum": list(backend_names())}, VARIABLE]}
    if field.key == "matrix":
        values = {"type": "array", "minItems": 1, "uniqueItems": True}
        return {**schema, "type": ["object", "null"], "minProperties": 1, "additionalProperties": values}
    if field.key in ("params", "data.column_mapping"):
        return {**schema, "type": ["object", "null"] if "null" in field.types else "object"}
    if "map" in field.types:
        kinds: dict[str, Any] = _object(field.key, fields)
        if field.key == "evaluate.metrics.*":
            return {**schema, "anyOf": _metrics(kinds)}
        return (
            {**schema, **kinds, "type": ["object", "null"]} if "null" in field.types else {**schema, **kinds}
        )
    if "list" in field.types:
        return {
            **schema,
            "type": "array",
            "minItems": 1,
            "items": _of_field(fields[f"{field.key}.*"], fields),
        }
    options = [option for name in field.types for option in _options(name, field)]
    return {**schema, **options[0]} if len(options) == 1 else {**schema, "anyOf": options}


def _metrics(any_metric: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A metric's name alone, where it needs no options; and each metric with its own."""
    alone = [name for name in METRIC_OPTIONS if name not in NEEDED_OPTIONS]
    forms: list[dict[str, Any]] = [{"enum": alone}]
    known = any_metric["properties"]["options"]["properties"]
    for name, options in METRIC_OPTIONS.items():
        needed = list(NEEDED_OPTIONS.get(name, ()))
        given = {
            "type": "object",
            "properties": {o: known[o] for o in options},
            "additionalProperties": False,
        }
        properties = {"name": {"const": name}, "options": {**given, "required": needed} if needed else given}
        required = ["name", "options"] if needed else ["name"]
        forms.append(
            {"type": "object", "properties": properties, "additionalProperties": False, "required": required}
        )
    return forms


def _options(name: str, field: Field) -> list[dict[str, Any]]:
    """The forms that a value of one type may take. A `${VARIABLE}` may stand for any but null."""
    plain: dict[str, Any] = json.loads(json.dumps(SCHEMAS[name]))
    if name == "null":
        return [plain]
    target = plain.get("items", plain)
    if name in ("int", "float", "list[int]"):
        target.update(_limits(field))
        # 2e-4 is text to YAML and a number to people.
        extra = [{"type": "string", "pattern": NUMBER_AS_TEXT}, VARIABLE] if name != "list[int]" else []
        also = [{"enum": list(field.also)}] if field.also else []
        return [plain, *also, *extra]
    if name == "bool":
        return [plain, VARIABLE]
    if field.choices:
        target["enum"] = list(field.choices)
        return [plain, VARIABLE] if name == "str" else [plain]
    if field.pattern and name == "str":
        target["pattern"] = field.pattern
        return [plain] if field.secret else [plain, VARIABLE]
    return [plain]


def _limits(field: Field) -> dict[str, float]:
    limits = {}
    if field.low is not None:
        limits["exclusiveMinimum" if field.open_low else "minimum"] = field.low
    if field.high is not None:
        limits["exclusiveMaximum" if field.open_high else "maximum"] = field.high
    return limits
