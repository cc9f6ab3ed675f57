"""Recipe → AutoTrain's parameters, exactly as `AutoTrainConfigParser` and its parameter class resolve them."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.engines.autotrain.table import engine_parameters
from hf_recipes.recipe.model import Recipe

MASK = "*****"
"""What AutoTrain shows in the place of a token."""


def resolve(recipe: Recipe) -> dict[str, object]:
    """Every parameter of the task, defaults included, in AutoTrain's order of precedence; the token masked."""
    given = as_given(recipe)
    return {
        known.name: _plain(given[known.name], known.types) if known.name in given else known.default
        for known in engine_parameters(recipe.task)
    }


def as_given(recipe: Recipe) -> dict[str, object]:
    """What AutoTrain's parser hands to the parameter class, in its order: a later source wins.

    Names that the class does not have are left in; AutoTrain ignores them.
    """
    given: dict[str, object] = {
        "model": recipe.base_model,
        "project_name": recipe.project_name,
        "data_path": recipe.data.path,
    }
    if recipe.task == "lm_training":
        given["chat_template"] = recipe.data.chat_template
    if recipe.trainer is not None:
        given["trainer"] = recipe.trainer
    given.update(recipe.data.column_mapping)
    given.update(
        train_split=recipe.data.train_split,
        valid_split=recipe.data.valid_split,
        log=recipe.log,
        username=recipe.hub.username,
        token=MASK if recipe.hub.token_variable else None,
        push_to_hub=recipe.hub.push_to_hub,
    )
    given.update(recipe.params)
    return given


def sources(recipe: Recipe, overrides: Mapping[str, object]) -> dict[str, str]:
    """Parameter → `recipe`, `AutoTrain default` or `chosen by us`."""
    written = _written(recipe)
    names = dict.fromkeys([*(known.name for known in engine_parameters(recipe.task)), *overrides])
    return {
        name: "chosen by us" if name in overrides else "recipe" if name in written else "AutoTrain default"
        for name in names
    }


def _written(recipe: Recipe) -> set[str]:
    """The parameters that the recipe's text decides; a key that is absent or null leaves AutoTrain's default."""
    given = {name for name, value in as_given(recipe).items() if value is not None} | set(recipe.params)
    filled_in = {
        name
        for name, key in {"log": "log", "push_to_hub": "hub.push_to_hub"}.items()
        if not writes(recipe, key)
    }
    return given - filled_in


def writes(recipe: Recipe, key: str) -> bool:
    """Whether the file, or a setting laid over it, has the key."""
    return key in recipe.positions or any(
        setting.partition("=")[0].strip() == key for setting in recipe.settings
    )


def _plain(value: object, types: tuple[str, ...]) -> object:
    """As pydantic's model_dump gives it: lists for tuples, and a whole number as float where only float is taken."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, int) and not isinstance(value, bool) and "float" in types and "int" not in types:
        return float(value)
    return value
