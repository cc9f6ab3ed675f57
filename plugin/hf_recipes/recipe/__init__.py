"""What a person writes: a YAML recipe, read strictly and offline. What an engine takes comes from its EngineSchema.

`hf_recipes.api.recipes` reads recipes with the schemas of all engines.
"""

from __future__ import annotations

from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem, RecipeError

__all__ = [
    "Problem",
    "Recipe",
    "RecipeError",
    "at_its_key",
    "place_of",
    "problem_at",
]


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
    """A problem that a data step reported with a recipe key instead of a file name, moved to that key's line. Others stay as they are."""
    from hf_recipes.recipe.engine_schema import ANY_ENGINE
    from hf_recipes.recipe.fields import common

    if found.line or found.file not in common(ANY_ENGINE):
        return found
    return problem_at(recipe, found.file, found.code, found.message, found.hint)
