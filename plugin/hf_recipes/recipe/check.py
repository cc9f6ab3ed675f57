"""A tree against the table of fields: unknown keys, wrong types, values out of range, keys that are missing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hf_recipes.recipe import kinds
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field, children, fields_for
from hf_recipes.recipe.nodes import Entry, Map, Node, Odd, Scalar, Seq
from hf_recipes.recipe.other_names import same_value
from hf_recipes.recipe.pasted import DASHES
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem
from hf_recipes.recipe.secrets import (
    HINT,
    KEY_HINT,
    filled_from_environment,
    first_unset,
    holds_literal,
    printable,
    unset,
)
from hf_recipes.recipe.spelling import one_of, other_tasks, suggestion

VARIABLE_ALONE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
MOST = 2**31 - 1
"""Limit for numbers without a bound of their own: trainers count in 32 bits."""
FREE = "x-"
"""How keys at the top begin that a person may have for anchors; nothing reads them."""
PER_TASK = ("params.", "data.column_mapping.")
FRACTION = "data.test_split"
"""Takes text and numbers: 1e-1, '0.1' and a variable that holds 0.1 are text to YAML and a number to people."""


@dataclass
class Reading:
    """What a recipe says, by dotted key."""

    file: str
    schema: EngineSchema
    """Schema of the engine that the recipe names."""
    task: str | None
    """The canonical task; None when it cannot be told: keys that depend on it are then only looked up."""
    environ: Mapping[str, str]
    folder: Path
    """What relative paths count from."""
    values: dict[str, object] = field(default_factory=dict)
    """Only what is written and right, typed. `hub.token` holds the *name* of its variable."""
    places: dict[str, Place] = field(default_factory=dict)
    """The place of every key that is written, right or not."""
    problems: list[Problem] = field(default_factory=list)
    blank: set[str] = field(default_factory=set)
    """The keys of single values that are written as null."""
    misshapen: set[str] = field(default_factory=set)
    """The keys whose value is of another type: what a mapping would need in it is no second mistake."""

    unset: dict[str, str] = field(default_factory=dict)
    """Key of `hub` → the variable that it names and that is not set: no mistake as long as nothing is pushed."""

    def report(self, key: str, code: str, message: str, hint: str = "") -> None:
        """A problem at `key`, or at the nearest key above it that is written."""
        self.problems.append(problem(self.place_of(key), code, f"{key}: {message}", hint))

    def given(self, key: str) -> bool:
        """Whether a mapping or a list is written, and not as null."""
        return key in self.places and key not in self.values

    def place_of(self, key: str) -> Place:
        while key:
            if key in self.places:
                return self.places[key]
            key = key.rpartition(".")[0]
        return Place(self.file)

    def under(self, parent: str) -> dict[str, object]:
        """The values directly under a key, by their last part."""
        prefix = parent + "."
        return {key[len(prefix) :]: value for key, value in self.values.items() if key.startswith(prefix)}


def read_tree(
    root: Map,
    file: str,
    schema: EngineSchema,
    task: str | None,
    environ: Mapping[str, str],
    folder: Path,
) -> Reading:
    """Everything the tree says, with a problem for all that the table of fields does not allow."""
    reading = Reading(file, schema, task, environ, folder)
    _Walk(reading, fields_for(schema, task)).mapping(root, "", "")
    return reading


@dataclass
class _Walk:
    reading: Reading
    fields: Mapping[str, Field]

    def mapping(self, node: Map, key: str, pattern: str) -> None:
        """`key` says where we are, with places in lists as numbers; `pattern` has `*` for these."""
        for entry in node.entries:
            if not key and entry.key.startswith(FREE):
                continue
            child, child_pattern = _join(key, printable(entry.key)), _join(pattern, entry.key)
            self.reading.places[child] = entry.place
            found = self.fields.get(child_pattern) if "*" not in entry.key and "." not in entry.key else None
            if found is None:
                self._unknown(key, pattern, entry, child, child_pattern)
            else:
                self._value(entry.node, child, found)
        present = {entry.key for entry in node.entries}
        for known in self.fields.values():
            parent, _, name = known.key.rpartition(".")
            if known.required and parent == pattern and name not in present:
                self.reading.report(_join(key, name), "missing-key", "missing", known.meaning)

    def _unknown(self, parent: str, pattern: str, entry: Entry, key: str, key_pattern: str) -> None:
        value = entry.node.value if isinstance(entry.node, Scalar) else None
        near = suggestion(pattern, entry.key, self.fields, self.reading.schema, value)
        elsewhere = other_tasks(key_pattern, self.reading.schema) if self.reading.task else ""
        if elsewhere:
            hint = f"{elsewhere}; {near}".rstrip("; ")
            self.reading.report(key, "wrong-task", f"{self.reading.task} has no such key", hint)
        else:
            self.reading.report(key, "unknown-key", "unknown", near.replace(f"{pattern}.", f"{parent}.", 1))

    def _value(self, node: Node, key: str, field: Field) -> None:
        if isinstance(node, Scalar) and node.value is None:
            self.reading.blank.add(key)
        if isinstance(node, Map) and "map" in field.types:
            self.mapping(node, key, field.key)
        elif isinstance(node, Seq) and "list" in field.types:
            self._items(node, key, field)
        elif self.reading.task is None and key.startswith(PER_TASK):
            return  # Without the task there is no telling what is right.
        elif field.secret:
            self._token(node, key)
        else:
            self._plain(node, key, field)

    def _items(self, node: Seq, key: str, field: Field) -> None:
        item_field = self.fields[f"{field.key}.*"]
        for number, item in enumerate(node.items):
            self.reading.places[f"{key}.{number}"] = item.place
            self._value(item, f"{key}.{number}", item_field)

    def _plain(self, node: Node, key: str, field: Field) -> None:
        count = len(self.reading.problems)
        given = self._python(node, key)
        if len(self.reading.problems) > count or _has_odd(node):
            return
        if isinstance(given, bool) and "bool" not in field.types and {"int", "float"} & set(field.types):
            # Python counts True as 1, but limit: true is a mistake.
            hint = self._type_hint(given, field)
            self.reading.report(
                key, "wrong-type", f"must be {kinds.types_in_words(field.types)}, not true or false", hint
            )
            return
        try:
            value = kinds.coerced(given, field.types if field.key != FRACTION else _fraction(given))
        except kinds.Mismatch as mismatch:
            self.reading.report(key, "wrong-type", str(mismatch), self._type_hint(given, field))
            self.reading.misshapen.add(key)
            return
        if value is None and {"map", "list"} & set(field.types):
            self.reading.values[key] = None  # as if it were left out: `--set evaluate=null`
            return
        for item in value if isinstance(value, list) else [value]:
            self._check(item, key, field)
        if len(self.reading.problems) == count:
            self.reading.values[key] = value

    def _python(self, node: Node, key: str) -> object:
        """The node as plain values, `${NAME}` filled in. Mappings are empty: no list of a recipe's holds any."""
        if isinstance(node, Scalar):
            if not isinstance(node.value, str):
                return node.value
            missing = first_unset(node.value, self.reading.environ) if key == "hub.username" else None
            if missing:
                self.reading.unset[key] = missing
                return None
            text, _ = filled_from_environment(
                node.value,
                self.reading.place_of(key),
                key,
                self.reading.environ,
                self.reading.problems.append,
            )
            return text
        if isinstance(node, Map):
            return {}
        items = []
        for number, item in enumerate(node.items):
            self.reading.places[f"{key}.{number}"] = item.place
            items.append(self._python(item, f"{key}.{number}"))
        return items

    def _check(self, value: object, key: str, field: Field) -> None:
        if isinstance(value, str):
            if not value.strip() and (field.required or "column_mapping" in key):
                self.reading.report(key, "out-of-range", "is empty")
            elif field.choices and value not in field.choices:
                same = same_value(field, value, self.reading.schema.other_values)
                hint = f"did you mean {same}?" if same in field.choices else f"write {same}"
                hint = hint if same else one_of(value, field.choices)
                self.reading.report(key, "unknown-value", "not one of its values", hint)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            limits = range_in_words(field)
            if not (math.isfinite(value) and (within(value, field))):
                hint = "it is a share: 0.1 is a tenth" if field.high == 1 and value > 1 else ""
                self.reading.report(key, "out-of-range", f"must be {limits or 'a finite number'}", hint)
            elif field.high is None and abs(value) > (field.most or MOST):
                self.reading.report(key, "out-of-range", f"must be at most {field.most or MOST:,}")

    def _token(self, node: Node, key: str) -> None:
        if _has_odd(node):
            return  # reported where it was read
        value = node.value if isinstance(node, Scalar) else Odd()
        if value is None:
            return
        match = VARIABLE_ALONE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            # A token that looks like one has been reported where it stands.
            if not (isinstance(value, str) and holds_literal(value)):
                name, hint = ("HF_TOKEN", HINT) if key == "hub.token" else ("OPENAI_API_KEY", KEY_HINT)
                message = f"must name an environment variable, as ${{{name}}}"
                self.reading.report(key, "literal-token", message, hint)
        elif key == "hub.token":
            self.reading.values[key] = match.group(1)
            if not self.reading.environ.get(match.group(1)):
                self.reading.unset[key] = match.group(1)
        elif not self.reading.environ.get(match.group(1)):
            self.reading.problems.append(unset(self.reading.place_of(key), key, match.group(1)))
        else:
            self.reading.values[key] = match.group(1)

    def _type_hint(self, given: object, field: Field) -> str:
        if same := same_value(field, given, self.reading.schema.other_values):
            return f"write {same}"
        straight = given.translate(DASHES) if isinstance(given, str) else ""
        if "float" in field.types and straight != given and kinds.NUMBER.fullmatch(straight.strip()):
            return f"it has a dash that is no hyphen: write {straight.strip()}"
        lists = any(name.startswith("list") for name in field.types)
        if isinstance(given, list) and lists:
            return "each of its items must be " + ("a whole number" if "list[int]" in field.types else "text")
        if isinstance(given, (str, dict)) and lists:
            return "write it in brackets, as [a, b]"
        if isinstance(given, dict) and "str" in field.types and "map" not in field.types:
            return "put quotes around text that holds { or ': '"
        if given is not None and "map" in field.types and (below := children(self.fields, field.key)):
            return f"its keys are {', '.join(below)}" if len(below) <= 20 else ""
        if isinstance(given, bool) and "str" in field.types:
            return "YAML reads yes, no, on and off as true and false: put quotes around text"
        if given is not None and not isinstance(given, (list, dict)) and "str" in field.types:
            return "put quotes around it if it is text"
        return ""


def within(value: float, field: Field) -> bool:
    if value in field.also:
        return True
    if field.low is not None and (value < field.low or (field.open_low and value == field.low)):
        return False
    return field.high is None or value < field.high or (value == field.high and not field.open_high)


def range_in_words(field: Field) -> str:
    """The allowed range in words; empty where there is none."""
    low = "" if field.low is None else f"{'more than' if field.open_low else 'at least'} {field.low:.15g}"
    high = "" if field.high is None else f"{'less than' if field.open_high else 'at most'} {field.high:.15g}"
    also = "".join(f", or {value:g}" for value in field.also)
    return " and ".join(part for part in (low, high) if part) + also


def _fraction(given: object) -> tuple[str, ...]:
    number = isinstance(given, str) and kinds.NUMBER.fullmatch(given.strip())
    return ("float",) if number else ("str", "float", "null")


def _join(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _has_odd(node: Node) -> bool:
    if isinstance(node, Seq):
        return any(_has_odd(item) for item in node.items)
    return isinstance(node, Scalar) and isinstance(node.value, Odd)
