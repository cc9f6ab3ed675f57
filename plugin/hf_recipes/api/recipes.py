"""Recipes read with what the engines say of them: what commands, tests and other programs load them by."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.engines.registry import engine_schemas
from hf_recipes.recipe import matrix
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.explain import UnknownField, described, explain
from hf_recipes.recipe.load import FileContent, read_recipe_file
from hf_recipes.recipe.model import Evaluate, Recipe
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.recipe.schema import json_schema
from hf_recipes.recipe.spelling import one_of


def load_recipe(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Recipe:
    """The recipe in a file, with settings such as `params.lr=2e-4` laid over it.

    Raises RecipeError with every problem, and for a matrix: a file with one holds several recipes.
    Touches no network; looks on the disk for data.path and base_model.
    """
    recipes = load_recipes(path, settings=settings, environ=environ)
    (first, *_) = recipes
    if first.matrix:
        hint = f"leave it out here with --set {matrix.OFF}"
        line, column = first.positions[matrix.KEY]
        what = f"{matrix.KEY}: makes {len(recipes)} recipes of this one; only run, plan and validate take it"
        raise RecipeError([problem(Place(str(path), line, column), "matrix", what, hint)])
    return first


def load_recipes(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> list[Recipe]:
    """The recipes in a file: one, or one for each combination of its matrix, whose `settings` make it out of the file.

    Raises RecipeError with every problem of any.
    """
    content = recipe_content(path, settings=settings, environ=environ)
    if not content.recipes:
        raise RecipeError(content.problems)
    return list(content.recipes)


def recipe_problems(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> list[Problem]:
    """Everything that is wrong with a recipe by itself, in the file's order; empty when it is right."""
    return list(recipe_content(path, settings=settings, environ=environ).problems)


def recipe_content(
    path: Path, *, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> FileContent:
    """The recipes in a file, or its problems with the recipes as far as they can be told."""
    return read_recipe_file(path, schemas=engine_schemas(), settings=settings, environ=environ)


def load_evaluate(
    path: Path, *, folder: Path, settings: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Evaluate | None:
    """What a run's own recipe says of measuring. `folder` is where the recipe lay: relative paths count from there.

    What is wrong with the rest of it by now, such as data that has moved, does not matter to a model that is trained.
    Raises RecipeError with what is wrong under `evaluate`.
    """
    content = read_recipe_file(
        path, schemas=engine_schemas(), settings=settings, environ=environ, folder=folder
    )
    recipes = content.recipes or content.drafts
    wrong = [
        problem
        for problem in content.problems
        if problem.message.startswith("evaluate") or problem.file.startswith("--set evaluate")
    ]
    if wrong or not recipes:
        raise RecipeError(wrong or content.problems)
    return recipes[0].evaluate


def recipe_json_schema(engine: str | None = None) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe for an engine; None is the default one. Raises UnknownField."""
    return json_schema(_schema(engine))


def explain_field(key: str, task: str | None = None, engine: str | None = None) -> str:
    """One key in words: type, default, meaning, source. Raises UnknownField (a ValueError) with a hint."""
    return explain(_schema(engine), key, task)


def describe_field(key: str, task: str | None = None, engine: str | None = None) -> list[dict[str, Any]]:
    """As explain_field: one entry for each way in which the tasks' definitions of a key differ. Raises UnknownField."""
    return described(_schema(engine), key, task)


def _schema(engine: str | None) -> EngineSchema:
    schemas = engine_schemas()
    if engine is not None and engine not in schemas:
        raise UnknownField(f"no such engine; {one_of(engine, tuple(schemas))}")
    return schemas[engine] if engine else next(iter(schemas.values()))
