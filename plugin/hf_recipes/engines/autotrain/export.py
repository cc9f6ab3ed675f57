"""Recipe → a plain AutoTrain config: what `autotrain --config` runs without us."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.autotrain import overrides
from hf_recipes.engines.autotrain.table import engine_parameters
from hf_recipes.recipe.model import Recipe

HEADER = """\
# A plain AutoTrain config, written by `hf-recipes export`. Run it from this folder, in an environment that has
# autotrain-advanced 0.8.36:  autotrain --config config.yml
"""
VALIDATION_NOTE = """\
# The recipe's validation split is left out: AutoTrain 0.8.36 drops it for local files, and crashes on it otherwise.
"""
DATA_FOLDER = "data"


def export_needs_data(recipe: Recipe) -> bool:
    """Whether rows must be converted for `autotrain --config` to read them: DATA_FOLDER goes with the config then."""
    return overrides.needs_conversion(recipe)


def export(recipe: Recipe, machine: Machine, *, base_model: str) -> Mapping[str, str]:
    """config.yml. Without a GPU on `machine`, AutoTrain's int4 default is written as null, since it would crash."""
    import yaml

    config = _config(recipe, machine, base_model)
    note = VALIDATION_NOTE if recipe.task == "lm_training" and recipe.data.valid_split is not None else ""
    text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110)
    return {"config.yml": HEADER + note + text}


def _config(recipe: Recipe, machine: Machine, base_model: str) -> dict[str, object]:
    config: dict[str, object] = {
        "task": recipe.task_alias,
        "base_model": base_model,
        "project_name": recipe.project_name,
        "log": recipe.log,
        "backend": recipe.backend,
        "data": _data(recipe),
        "params": {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in _params(recipe, machine)
        },
    }
    if recipe.hub.username or recipe.hub.token_variable or recipe.hub.push_to_hub:
        token = f"${{{recipe.hub.token_variable}}}" if recipe.hub.token_variable else None
        config["hub"] = {
            "username": recipe.hub.username,
            "token": token,
            "push_to_hub": recipe.hub.push_to_hub,
        }
    return config


def _data(recipe: Recipe) -> dict[str, object]:
    converted = export_needs_data(recipe)
    data: dict[str, object] = {
        "path": DATA_FOLDER if converted else recipe.data.path,
        "train_split": "train" if converted else recipe.data.train_split,
        "valid_split": _valid_split(recipe, converted),
    }
    if recipe.task == "lm_training":
        data["chat_template"] = recipe.data.chat_template
    data["column_mapping"] = _columns(recipe)
    return data


def _valid_split(recipe: Recipe, converted: bool) -> str | None:
    if recipe.task == "lm_training" or recipe.data.valid_split is None:
        return None
    return "validation" if converted else recipe.data.valid_split


def _columns(recipe: Recipe) -> Mapping[str, object]:
    mapping = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in recipe.data.column_mapping.items()
    }
    return mapping or ({"text_column": "text"} if recipe.data.messages else {})


def _params(recipe: Recipe, machine: Machine) -> list[tuple[str, object]]:
    """What the recipe says, and what AutoTrain would crash without."""
    params = dict(recipe.params)
    names = {known.name for known in engine_parameters(recipe.task)}
    if not machine.gpus and "quantization" in names and "quantization" not in params:
        params["quantization"] = None
    return list(params.items())
