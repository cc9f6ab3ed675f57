"""Recipe → what the trainer is given: the parameters, and what our runs choose in them, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.catalog.machine import Machine
from hf_recipes.data.columns import is_chat
from hf_recipes.engines.engine import TrainerSettings
from hf_recipes.engines.memory_choices import needless_checkpointing, needless_quantization
from hf_recipes.engines.resolution import parameter_sources, resolved_parameters, writes
from hf_recipes.engines.trl.parameters import DEFAULTS, SHARED_DEFAULT, TRL_DEFAULT, alone, parameters
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe.model import Recipe
from hf_recipes.record.job import Override

PREPARED = "{run}/work/data"


def resolve(recipe: Recipe) -> dict[str, object]:
    """Every parameter, defaults included; the token masked."""
    return resolved_parameters(recipe, parameters())


def sources(recipe: Recipe, overrides: Mapping[str, object]) -> dict[str, str]:
    """Parameter → `recipe`, `chosen by us`, or whose default it is: a recipe means the same to every engine."""
    found = parameter_sources(recipe, parameters(), overrides, TRL_DEFAULT)
    own = {parameter.name for parameter in alone()} - set(DEFAULTS)
    return {
        name: SHARED_DEFAULT if source == TRL_DEFAULT and name not in own else source
        for name, source in found.items()
    }


def resolve_settings(recipe: Recipe, machine: Machine, base: Base | None) -> TrainerSettings:
    params = resolve(recipe)
    chosen = {
        **_rows(recipe, params),
        **needless_quantization(recipe, params, machine),
        **_logging(recipe, params, machine),
        **_hub(params),
        "OMP_NUM_THREADS": Override(_threads(machine), "one thread for each core here"),
    }
    settled = {**params, **{name: override.value for name, override in chosen.items()}}
    return TrainerSettings(params, {**chosen, **needless_checkpointing(recipe, settled, machine, base)})


def _rows(recipe: Recipe, params: Mapping[str, object]) -> dict[str, Override]:
    chosen = {"data_path": Override(PREPARED, "rows are checked, converted and split before training")}
    if recipe.data.messages:
        chosen["text_column"] = Override("messages", "what TRL calls a column of conversations")
        if not writes(recipe, "data.chat_template"):
            why = "data.messages needs a chat template: the base model's own"
            chosen["chat_template"] = Override(params["chat_template"], why)
    if params["train_on"] is None:
        chat = is_chat(recipe.task, params, bool(recipe.data.messages))
        why = (
            "a model that answers is to learn answers, not to write prompts"
            if chat
            else "plain text has no turns"
        )
        chosen["train_on"] = Override("assistant" if chat else "all", why)
    if params["train_split"] != "train":
        chosen["train_split"] = Override("train", "the name of the prepared file")
    if params["valid_split"] not in (None, "validation"):
        chosen["valid_split"] = Override("validation", "the name of the prepared file")
    return chosen


def _logging(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> dict[str, Override]:
    if params["logging_steps"] != -1:
        return {}
    return {"logging_steps": Override(10 if machine.gpus else 1, "progress to look at")}


def _hub(params: Mapping[str, object]) -> dict[str, Override]:
    chosen = {}
    if params["token"] is not None:
        chosen["token"] = Override(None, "the trainer needs none: the base is fetched before")
    if params["push_to_hub"]:
        chosen["push_to_hub"] = Override(False, "hf-recipes pushes by itself, once the weights are verified")
    return chosen


def _threads(machine: Machine) -> int:
    return max(1, machine.cores // max(1, len(machine.gpus)))
