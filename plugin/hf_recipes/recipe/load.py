"""A file, and what `--set` lays over it → recipes, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hf_recipes.recipe import build, matrix, rules
from hf_recipes.recipe.check import Reading, read_tree
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.nodes import Map, Scalar
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem
from hf_recipes.recipe.secrets import VARIABLE, literal_tokens
from hf_recipes.recipe.settings import lay_over
from hf_recipes.recipe.tree import MAX_BYTES, parse_yaml

EngineSchemas = Mapping[str, EngineSchema]
"""By the engine's name, the default engine first."""


@dataclass(frozen=True)
class FileContent:
    """What a recipe's file holds."""

    recipes: tuple[Recipe, ...]
    """One, or one for each combination of a matrix; none where there are problems."""
    drafts: tuple[Recipe, ...]
    """Where there are problems: the recipes as far as they can be told, with defaults where something is wrong, and without
    messages. Nothing of them may be run."""
    problems: tuple[Problem, ...]
    """In the file's order."""


def read_recipe_file(
    path: Path,
    *,
    schemas: EngineSchemas,
    settings: Sequence[str],
    environ: Mapping[str, str],
    folder: Path | None = None,
) -> FileContent:
    """Everything in a file, with settings such as `params.lr=2e-4` laid over it. Relative paths count from `folder`, where it is
    given, instead of from the file's own.

    Touches no network; looks on the disk for data.path and base_model.
    """
    problems: list[Problem] = []
    drafts: list[Recipe] = []
    recipes = _read(path, schemas, settings, environ, problems, drafts, folder or path.parent)
    return FileContent(tuple(recipes), tuple(drafts), tuple(sorted(set(problems))))


def _read(
    path: Path,
    schemas: EngineSchemas,
    settings: Sequence[str],
    environ: Mapping[str, str],
    found: list[Problem],
    drafts: list[Recipe],
    folder: Path,
) -> list[Recipe]:
    """The recipes, or none with what is wrong in `found`, and then what there is of them in `drafts`."""
    file = str(path)
    text = _text(path, found)
    if text is None:
        return []
    found.extend(literal_tokens(text, file))
    root = parse_yaml(text, file, found.append)
    if root is not None and not isinstance(root, Map):
        empty = isinstance(root, Scalar) and root.value is None
        what = "the file is empty" if empty else "a recipe is a mapping of keys: task, base_model, data …"
        found.append(
            problem(root.place, "empty-file" if empty else "not-a-mapping", what, "see hf-recipes new")
        )
    if not isinstance(root, Map):
        return []
    for setting in settings:
        root = lay_over(root, setting, found.append)
    root, entry = matrix.without_matrix(root)
    combined = [matrix.Combination(root, (), {})]
    if entry is not None:
        schema = _schema(root, schemas, environ)
        combined = matrix.combinations(root, entry, settings, schema, found.append)
    readings = [_reading(combination.root, file, schemas, environ, found, folder) for combination in combined]
    if found:
        drafts += [
            build.draft(reading, path=path, text=text, trainer=trainer, settings=tuple(settings))
            for reading, trainer in readings
            if reading.task
        ]
        return []
    if entry is None:
        (reading, trainer), *_ = readings
        return [build.recipe(reading, path=path, text=text, trainer=trainer, settings=tuple(settings))]
    return [
        _of_matrix(
            build.recipe(
                reading, path=path, text=text, trainer=trainer, settings=(*settings, *combination.settings)
            ),
            combination,
            entry.place,
        )
        for (reading, trainer), combination in zip(readings, combined, strict=True)
    ]


def _reading(
    root: Map,
    file: str,
    schemas: EngineSchemas,
    environ: Mapping[str, str],
    found: list[Problem],
    folder: Path,
) -> tuple[Reading, str | None]:
    """A tree read and checked, and the trainer that the task's name chooses; what is wrong goes to `found`."""
    schema = _schema(root, schemas, environ)
    alias = _text_at(root, "task", environ)
    task, trainer = schema.task_names.get(alias or "", (None, None))
    reading = read_tree(root, file, schema, task, environ, folder)
    _explain_task(reading, alias)
    rules.check_reading(reading, trainer or _text_value(reading, "params.trainer"), named=trainer)
    found.extend(reading.problems)
    return reading, trainer


def _of_matrix(recipe: Recipe, combination: matrix.Combination, place: Place) -> Recipe:
    positions = {**recipe.positions, matrix.KEY: (place.line, place.column)}
    return replace(recipe, matrix=combination.values, positions=positions)


def _text(path: Path, found: list[Problem]) -> str | None:
    """The file as text, without a byte order mark."""
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        found.append(
            problem(place, "unreadable", f"cannot be read: {(error.strerror or 'an error').lower()}")
        )
        return None
    except ValueError:
        found.append(problem(place, "unreadable", "not a file's name"))
        return None
    if len(data) > MAX_BYTES:
        found.append(problem(place, "too-big", f"more than {MAX_BYTES >> 20} MiB: this is no recipe"))
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        found.append(
            problem(Place(str(path), line, column), "not-utf-8", "not UTF-8 text", "save it as UTF-8")
        )
        return None


def _schema(root: Map, schemas: EngineSchemas, environ: Mapping[str, str]) -> EngineSchema:
    """The schema of the engine that the recipe names; the default's if there is no such engine, which is reported at its key."""
    default = next(iter(schemas.values()))
    return schemas.get(_text_at(root, "engine", environ) or "", default)


def _text_at(root: Map, key: str, environ: Mapping[str, str]) -> str | None:
    """A key of the top as written: task and engine are looked at first, since what else may be written depends on them."""
    node = root.get(key)
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    return VARIABLE.sub(lambda match: environ.get(match.group(2), ""), node.value)


def _explain_task(reading: Reading, alias: str | None) -> None:
    """Say more than "unknown" about a name that the trainer lists and then crashes on."""
    meant = reading.schema.refused_names.get(alias or "")
    if meant is None:
        return
    reading.problems = [problem for problem in reading.problems if not problem.message.startswith("task: ")]
    if runs := reading.schema.names_of(meant):
        hint = f"name the trainer: {', '.join(runs)}"
    else:
        hint = f"one of {', '.join(name for name in reading.schema.task_names if '_' not in name)}"
    what = f"{reading.schema.engine} lists this task but cannot run it"
    reading.report("task", "unknown-value", what, hint)


def _text_value(reading: Reading, key: str) -> str | None:
    value = reading.values.get(key)
    return value if isinstance(value, str) else None
