"""Recipe → parameters by the recipe's own names, in the order of precedence of its format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hf_recipes.recipe.model import Recipe

MASK = "*****"
"""What is shown in the place of a token."""


@dataclass(frozen=True)
class Parameter:
    name: str
    types: tuple[str, ...]
    """Names that recipe/kinds.py knows."""
    default: object
    title: str


def resolved_parameters(recipe: Recipe, known: Sequence[Parameter]) -> dict[str, object]:
    """Every known parameter, defaults included; the token masked."""
    given = as_given(recipe)
    return {
        parameter.name: _plain(given[parameter.name], parameter.types)
        if parameter.name in given
        else parameter.default
        for parameter in known
    }


def as_given(recipe: Recipe) -> dict[str, object]:
    """What the recipe says, in the format's own order: a later source wins. Names that no parameter has are left in."""
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


def parameter_sources(
    recipe: Recipe, known: Sequence[Parameter], overrides: Mapping[str, object], default: str
) -> dict[str, str]:
    """Parameter → `recipe`, `chosen by us`, or the words of `default`."""
    written = _written(recipe)
    names = dict.fromkeys([*(parameter.name for parameter in known), *overrides])
    return {
        name: "chosen by us" if name in overrides else "recipe" if name in written else default
        for name in names
    }


def _written(recipe: Recipe) -> set[str]:
    """The parameters that the recipe's text decides; a key that is absent or null leaves the default."""
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
