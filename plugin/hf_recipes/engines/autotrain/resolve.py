"""Recipe → AutoTrain's parameters, exactly as `AutoTrainConfigParser` and its parameter class resolve them."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.engines.autotrain.table import engine_parameters
from hf_recipes.engines.resolution import parameter_sources, resolved_parameters
from hf_recipes.recipe.model import Recipe


def resolve(recipe: Recipe) -> dict[str, object]:
    """Every parameter of the task, defaults included; the token masked."""
    return resolved_parameters(recipe, engine_parameters(recipe.task))


def sources(recipe: Recipe, overrides: Mapping[str, object]) -> dict[str, str]:
    """Parameter → `recipe`, `AutoTrain default` or `chosen by us`."""
    return parameter_sources(recipe, engine_parameters(recipe.task), overrides, "AutoTrain default")
