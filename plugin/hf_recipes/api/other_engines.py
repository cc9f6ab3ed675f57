"""Which other engine could train what the recipe's own cannot load."""

from __future__ import annotations

from hf_recipes.engines.registry import ENGINES, engine_named
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.recipe.model import Recipe


def engine_that_loads(recipe: Recipe, base: Identity) -> str | None:
    """The first other engine that has the recipe's task and loads a base of this kind."""
    for name in ENGINES:
        engine = engine_named(name)
        knows_task = recipe.task_alias in engine.schema().task_names
        if name != recipe.engine and knows_task and engine.unknown_architecture(recipe, base) is None:
            return name
    return None
