"""Every problem of a recipe that can be told without its data and without a network: its own, and its engine's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hf_recipes.catalog.machine import Machine
from hf_recipes.recipe.load import survey
from hf_recipes.recipe.problem import Problem

NO_GPU = Machine(cores=1, memory=0)


def problems(path: Path, *, settings: Sequence[str] = (), here: Callable[[], Machine]) -> list[Problem]:
    """In the file's order; empty when the recipe is right. `here` is asked for this machine only where a GPU matters."""
    found, recipes = survey(path, settings=settings)
    if recipes:
        from hf_recipes.engines import autotrain

        known = set(found)
        if any(problem not in known for recipe in recipes for problem in autotrain.check(recipe, NO_GPU)):
            machine = here()
            known.update(problem for recipe in recipes for problem in autotrain.check(recipe, machine))
        found = sorted(known)
    return found
