"""`matrix:` in a recipe: a list of values for each of some keys → one recipe for each combination of them.

Every combination is read as if its values were written at their keys; a problem with one stands where the matrix has it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product

from hf_recipes.recipe import kinds
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field, fields_for
from hf_recipes.recipe.nodes import Entry, Map, Node, Odd, Scalar, Seq
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem
from hf_recipes.recipe.secrets import printable
from hf_recipes.recipe.settings import placed
from hf_recipes.recipe.spelling import suggestion

KEY = "matrix"
MAX_COMBINATIONS = 64
MAX_NAME = 50
"""Characters of a project's name."""
OFF = f"{KEY}=null"
"""The setting under which a recipe with a matrix is read as if it had none."""
Report = Callable[[Problem], None]


@dataclass(frozen=True)
class Axis:
    """One key of the matrix and its values."""

    key: str
    place: Place
    values: tuple[Node, ...]


@dataclass(frozen=True)
class Combination:
    root: Map
    """The recipe's tree with the values of this combination at their keys."""
    settings: tuple[str, ...]
    """What `--set` takes to make this recipe out of the file."""
    values: dict[str, object]


def without_matrix(root: Map) -> tuple[Map, Entry | None]:
    """The tree without its matrix, and the matrix where there is one."""
    found = next((entry for entry in root.entries if entry.key == KEY), None)
    rest = Map(tuple(entry for entry in root.entries if entry.key != KEY), root.place, root.size, root.height)
    null = found is not None and isinstance(found.node, Scalar) and found.node.value is None
    return rest, None if null else found


def combinations(
    root: Map, matrix: Entry, settings: Sequence[str], schema: EngineSchema, report: Report
) -> list[Combination]:
    """Every combination, named apart. What is wrong with the matrix itself is reported; values are left to the reading."""
    axes = list(_axes(matrix, schema, report))
    for key in {setting.partition("=")[0].strip() for setting in settings} & {axis.key for axis in axes}:
        hint = f"write --set {KEY}.{key}=[…], or --set {OFF} for one run"
        report(problem(Place(f"--set {key}"), "bad-setting", "the recipe's matrix sets this key too", hint))
    count = math.prod(len(axis.values) for axis in axes)
    if count > MAX_COMBINATIONS:
        message = f"{KEY}: {count} combinations, {MAX_COMBINATIONS} are allowed"
        report(problem(matrix.place, "too-many-values", message, "shorten a list, or split the recipe"))
    chosen = [
        dict(zip(axes, values, strict=True))
        for values in islice(product(*(axis.values for axis in axes)), MAX_COMBINATIONS)
    ]
    names = _names(root, chosen)
    return [_combination(root, values, name, report) for values, name in zip(chosen, names, strict=True)]


def _axes(matrix: Entry, schema: EngineSchema, report: Report) -> Iterator[Axis]:
    if not isinstance(matrix.node, Map) or not matrix.node.entries:
        hint = "such as {params.lr: [1e-4, 2e-4]}"
        report(problem(matrix.place, "bad-matrix", f"{KEY}: takes keys with a list of values each", hint))
        return
    for entry in matrix.node.entries:
        name = f"{KEY}.{printable(entry.key)}"
        wrong = _wrong_key(entry.key, schema)
        if wrong:
            report(problem(entry.place, wrong[0], f"{name}: {wrong[1]}", wrong[2]))
        elif not isinstance(entry.node, Seq) or not entry.node.items:
            hint = "such as [1e-4, 2e-4]"
            report(problem(entry.node.place, "bad-matrix", f"{name}: takes a list of values", hint))
        else:
            yield Axis(entry.key, entry.place, tuple(_values(entry, entry.node, schema, report)))


def _wrong_key(key: str, schema: EngineSchema) -> tuple[str, str, str] | None:
    """Code, message and hint for a key that can have no list of values."""
    field = _field(key, schema)
    if field is None:
        parent, _, name = key.rpartition(".")
        return "unknown-key", "unknown", suggestion(parent, name, fields_for(schema, None), schema)
    if key == KEY or {"map", "list"} & set(field.types):
        return "bad-matrix", "takes keys that have one value", "such as params.lr"
    if key == "hub.token":
        return "bad-matrix", "one token for all runs", ""
    return None


def _field(key: str, schema: EngineSchema) -> Field | None:
    """What the table says of a key; of several tasks' own the first."""
    pattern = ".".join("*" if part.isdecimal() else part for part in key.split("."))
    return fields_for(schema, None).get(pattern) if "*" not in key else None


def _values(entry: Entry, values: Seq, schema: EngineSchema, report: Report) -> Iterator[Node]:
    name, field = f"{KEY}.{printable(entry.key)}", _field(entry.key, schema)
    seen: set[object] = set()
    for node in values.items:
        if isinstance(node, Map):
            report(problem(node.place, "bad-matrix", f"{name}: a mapping is no value of a key"))
            continue
        same: object = _json(node)
        if isinstance(node, Scalar) and field and {"int", "float"} & set(field.types):
            with suppress(kinds.Mismatch):  # 1e-4, which YAML reads as text, and 1.0e-4
                same = kinds.coerced(node.value, ("float",))
        if same in seen:
            report(problem(node.place, "duplicate-key", f"{name}: this value is given a second time"))
            continue
        seen.add(same)
        yield node


def _combination(root: Map, chosen: dict[Axis, Node], name: str | None, report: Report) -> Combination:
    tree: Node = root
    settings = [OFF]
    for axis, node in chosen.items():
        tree = placed(tree, axis.key.split("."), node, node.place, report)
        settings.append(f"{axis.key}={_json(node)}")
    if name is not None:
        place = _place_of_name(root, chosen)
        tree = placed(tree, ["project_name"], Scalar(name, place), place, report)
        settings.append(f"project_name={json.dumps(name, ensure_ascii=False)}")
    assert isinstance(tree, Map)
    return Combination(tree, tuple(settings), {axis.key: _plain(node) for axis, node in chosen.items()})


def _place_of_name(root: Map, chosen: dict[Axis, Node]) -> Place:
    written = [entry.place for entry in root.entries if entry.key == "project_name"]
    return [*written, *(node.place for axis, node in chosen.items() if axis.key == "project_name")][-1]


def _names(root: Map, chosen: Sequence[dict[Axis, Node]]) -> list[str | None]:
    """A project name for each combination, since a name is a model repo; None where the recipe's own cannot be built on."""
    bases = [_name(root, values) for values in chosen]
    # The Hub's names differ by more than their case.
    counts = Counter(f"{base}-{suffix}".lower() for base, suffix in bases)
    made: list[str | None] = []
    for values, (base, suffix) in zip(chosen, bases, strict=True):
        full = f"{base}-{suffix}" if suffix else base
        if base is None or len(base) > MAX_NAME or not values:
            made.append(None)
        elif full and len(full) <= MAX_NAME and counts[f"{base}-{suffix}".lower()] == 1:
            made.append(full)
        else:
            made.append(_hashed(base, values))
    return made


def _name(root: Map, chosen: dict[Axis, Node]) -> tuple[str | None, str]:
    """The project's name and what tells this combination from the others, in words."""
    node = next(
        (node for axis, node in chosen.items() if axis.key == "project_name"), root.get("project_name")
    )
    base = node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None
    parts = [(axis.key, _plain(node)) for axis, node in chosen.items() if axis.key != "project_name"]
    return base, "-".join(f"{_short(key)}-{_slug(value)}" for key, value in parts)


def _hashed(base: str, chosen: dict[Axis, Node]) -> str:
    """Six hex digits that stay the same for the same values, whatever else the matrix holds."""
    values = {axis.key: _plain(node) for axis, node in chosen.items()}
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:6]
    return f"{base[: MAX_NAME - 7].rstrip('-')}-{digest}"


def _short(key: str) -> str:
    """The word that people say for a key: params.lora_r is r."""
    return _slug(key.rpartition(".")[2].removeprefix("lora_"))


def _slug(value: object) -> str:
    """A value in letters, digits and hyphens: 1e-4 stays, 0.5 is 0p5, owner/some_model is some-model."""
    if isinstance(value, list):
        return "-".join(_slug(item) for item in value)
    text = "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", text, re.IGNORECASE):
        text = text.replace(".", "p")
    return re.sub(r"[^A-Za-z0-9]+", "-", text.rstrip("/").rpartition("/")[2]).strip("-")


def _json(node: Node) -> str:
    """The node as JSON: YAML reads it as the same value."""
    return json.dumps(_plain(node), ensure_ascii=False)


def _plain(node: Node) -> object:
    if isinstance(node, Seq):
        return [_plain(item) for item in node.items]
    if isinstance(node, Map) or isinstance(node.value, Odd):
        return None
    return node.value
