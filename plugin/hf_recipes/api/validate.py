"""Every problem of a recipe that can be told without its data and without a network: its own, and its engine's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hf_recipes.api.recipes import recipe_content
from hf_recipes.catalog.machine import Machine
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem

NO_GPU = Machine(cores=1, memory=0)


def problems(path: Path, *, settings: Sequence[str] = (), here: Callable[[], Machine]) -> list[Problem]:
    """In the file's order; empty when the recipe is right. `here` is asked for this machine only where a GPU matters."""
    content = recipe_content(path, settings=settings)
    found, recipes = list(content.problems), content.recipes or content.drafts
    if recipes:
        known = {*found, *_of_bases(recipes)}
        if any(problem not in known for problem in _of_engines(recipes, NO_GPU)):
            machine = here()
            known.update(_of_engines(recipes, machine))
        found = sorted(known)
    return found


def _of_engines(recipes: Sequence[Recipe], machine: Machine) -> Iterator[Problem]:
    from hf_recipes.engines.registry import engine_named

    for recipe in recipes:
        yield from engine_named(recipe.engine).check_recipe(recipe, machine)


def _of_bases(recipes: Sequence[Recipe]) -> Iterator[Problem]:
    """Problems of bases that are on this disk."""
    from hf_recipes.engines.registry import engine_named
    from hf_recipes.estimates.model_size import known_here

    for recipe in recipes:
        yield from engine_named(recipe.engine).check_base(recipe, known_here(recipe.base_model))
