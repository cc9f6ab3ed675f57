"""What a person writes: a YAML recipe, read strictly and offline.

    load(path) -> Recipe            raises RecipeError with every problem
    load_all(path) -> list[Recipe]  one for each combination of a matrix
    problems(path) -> list[Problem]
    json_schema() -> dict           for editors
    explain("params.lr") -> str

Nothing here imports AutoTrain, torch, pydantic or huggingface_hub.
"""

from __future__ import annotations

from typing import Any

from hf_recipes.recipe.load import load, load_all, problems
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem, RecipeError

__all__ = [
    "Problem",
    "Recipe",
    "RecipeError",
    "at_its_key",
    "explain",
    "json_schema",
    "load",
    "load_all",
    "place_of",
    "problem_at",
    "problems",
]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a recipe."""
    from hf_recipes.recipe.schema import json_schema as made

    return made()


def explain(field: str, task: str | None = None) -> str:
    """One key in words: type, default, meaning, source. Raises UnknownField (a ValueError) with a hint."""
    from hf_recipes.recipe.explain import explain as said

    return said(field, task)


def problem_at(recipe: Recipe, key: str, code: str, message: str, hint: str = "") -> Problem:
    """A problem of a recipe that has been loaded, at its key."""
    return problem(place_of(recipe, key), code, f"{key}: {message}", hint)


def place_of(recipe: Recipe, key: str) -> Place:
    """The setting that says `key`, or where the file has it or a key above."""
    for name in reversed([setting.partition("=")[0].strip() for setting in recipe.settings]):
        if key not in recipe.matrix and (key == name or key.startswith(f"{name}.")):
            return Place(f"--set {name}")
    at = key
    while at and at not in recipe.positions:
        at = at.rpartition(".")[0]
    return Place(str(recipe.file), *recipe.positions.get(at, (0, 0)))


def at_its_key(recipe: Recipe, found: Problem) -> Problem:
    """A problem that whoever read the data told with a key of the recipe in place of a file: at that key's line. Others as they are."""
    from hf_recipes.recipe.fields import common

    if found.line or found.file not in common():
        return found
    return problem_at(recipe, found.file, found.code, found.message, found.hint)
