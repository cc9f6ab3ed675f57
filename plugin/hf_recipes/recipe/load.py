"""A file, and what `--set` lays over it → a Recipe, or every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hf_recipes.recipe import autotrain, build, matrix, rules
from hf_recipes.recipe.check import Reading, read
from hf_recipes.recipe.model import Evaluate, Recipe
from hf_recipes.recipe.nodes import Map, Scalar
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.recipe.secrets import VARIABLE, literal_tokens
from hf_recipes.recipe.settings import lay_over
from hf_recipes.recipe.tree import MAX_BYTES, parse


def load(path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Recipe:
    """The recipe in a file, with settings such as `params.lr=2e-4` laid over it.

    Raises RecipeError with every problem, and for a matrix: a file with one holds several recipes.
    Touches no network; looks on the disk for data.path and base_model.
    """
    recipes = load_all(path, settings=settings, environ=environ)
    (one, *_) = recipes
    if one.matrix:
        hint = f"leave it out here with --set {matrix.OFF}"
        line, column = one.positions[matrix.KEY]
        what = f"{matrix.KEY}: makes {len(recipes)} recipes of this one; only run, plan and validate take it"
        raise RecipeError([problem(Place(str(path), line, column), "matrix", what, hint)])
    return one


def load_all(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> list[Recipe]:
    """The recipes in a file: one, or one for each combination of its matrix, whose `settings` make it out of the file.

    Raises RecipeError with every problem of any.
    """
    found: list[Problem] = []
    recipes = _read(path, settings, environ, found)
    if not recipes:
        raise RecipeError(_sorted(found))
    return recipes


def problems(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> list[Problem]:
    """Everything that is wrong with a recipe, in the file's order; empty when it is right."""
    found: list[Problem] = []
    _read(path, settings, environ, found)
    return _sorted(found)


def survey(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> tuple[list[Problem], list[Recipe]]:
    """As `problems`, with the recipes as far as they can be told: whoever knows more about a right one need not wait
    until everything else is right. A draft has defaults where something is wrong, and no messages."""
    found: list[Problem] = []
    drafts: list[Recipe] = []
    made = _read(path, settings, environ, found, drafts)
    return _sorted(found), made or drafts


def load_evaluate(
    path: Path, *, folder: Path, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Evaluate | None:
    """What a run's own recipe says of measuring. `folder` is where the recipe lay: relative paths count from there.

    What is wrong with the rest of it by now, such as data that has moved, does not matter to a model that is trained.
    Raises RecipeError with what is wrong under `evaluate`.
    """
    found: list[Problem] = []
    drafts: list[Recipe] = []
    made = _read(path, settings, environ, found, drafts, folder) or drafts
    wrong = [
        one for one in found if one.message.startswith("evaluate") or one.file.startswith("--set evaluate")
    ]
    if wrong or not made:
        raise RecipeError(_sorted(wrong or found))
    return made[0].evaluate


def _read(
    path: Path,
    settings: Sequence[str],
    environ: Mapping[str, str],
    found: list[Problem],
    drafts: list[Recipe] | None = None,
    folder: Path | None = None,
) -> list[Recipe]:
    """The recipes, or none with what is wrong in `found`, and then what there is of them in `drafts`."""
    file = str(path)
    text = _text(path, found)
    if text is None:
        return []
    found.extend(literal_tokens(text, file))
    root = parse(text, file, found.append)
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
        combined = matrix.combinations(root, entry, settings, found.append)
    readings = [_reading(one.root, file, environ, found, folder or path.parent) for one in combined]
    if found:
        if drafts is not None:
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
            build.recipe(reading, path=path, text=text, trainer=trainer, settings=(*settings, *one.settings)),
            one,
            entry.place,
        )
        for (reading, trainer), one in zip(readings, combined, strict=True)
    ]


def _reading(
    root: Map, file: str, environ: Mapping[str, str], found: list[Problem], folder: Path
) -> tuple[Reading, str | None]:
    """A tree read and checked, and the trainer that the task's name chooses; what is wrong goes to `found`."""
    alias, task, trainer = _task(root, environ)
    reading = read(root, file, task, environ, folder)
    _explain_task(reading, alias)
    rules.check(reading, trainer or _text_value(reading, "params.trainer"), named=trainer)
    found.extend(reading.problems)
    return reading, trainer


def _of_matrix(recipe: Recipe, one: matrix.Combination, place: Place) -> Recipe:
    positions = {**recipe.positions, matrix.KEY: (place.line, place.column)}
    return replace(recipe, matrix=one.values, positions=positions)


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


def _task(root: Map, environ: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    """The task as written, its canonical name and the trainer it chooses; looked at first, since keys depend on it."""
    node = root.get("task")
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None, None, None
    alias = VARIABLE.sub(lambda match: environ.get(match.group(2), ""), node.value)
    task, trainer = autotrain.meaning_of(alias) or (None, None)
    return alias, task, trainer


def _explain_task(reading: Reading, alias: str | None) -> None:
    """Say more than "unknown" about a name that AutoTrain lists and then crashes on."""
    canonical = autotrain.crashes_on(alias) if alias else None
    if canonical is None:
        return
    reading.problems = [one for one in reading.problems if not one.message.startswith("task: ")]
    runs = [name for name in autotrain.names() if (autotrain.meaning_of(name) or ("",))[0] == canonical]
    if runs:
        hint = f"name the trainer: {', '.join(runs)}"
    else:
        hint = f"one of {', '.join(name for name in autotrain.names() if '_' not in name)}"
    reading.report("task", "unknown-value", "AutoTrain lists this task but cannot run it", hint)


def _text_value(reading: Reading, key: str) -> str | None:
    value = reading.values.get(key)
    return value if isinstance(value, str) else None


def _sorted(found: list[Problem]) -> list[Problem]:
    return sorted(set(found))
