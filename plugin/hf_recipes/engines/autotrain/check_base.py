"""What is wrong with a recipe for the base that it names."""

from __future__ import annotations

from hf_recipes.engines.autotrain.resolve import resolve
from hf_recipes.engines.base_fit import misfits
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe import Problem, Recipe


def check_base(recipe: Recipe, base: Base | str | None) -> list[Problem]:
    """The estimators of tables are no files that could be wrong."""
    return [] if recipe.task == "tabular" else misfits(recipe, resolve(recipe), base)
