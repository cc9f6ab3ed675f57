"""What our runs change from AutoTrain's own resolution, each with its reason. Names in capitals are environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.catalog.machine import Machine
from hf_recipes.catalog.openmp import WAITING
from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.data.columns import CHAT_TEMPLATES
from hf_recipes.engines.conversion import must_be_converted
from hf_recipes.engines.memory_choices import needless_checkpointing, needless_quantization
from hf_recipes.engines.resolution import writes
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe.model import Recipe
from hf_recipes.record.job import Override

PREPARED = "{run}/work/data"


def choose(
    recipe: Recipe, params: Mapping[str, object], machine: Machine, base: Base | None
) -> dict[str, Override]:
    """Parameter, or environment variable, → its value in our run and why. What AutoTrain does anyway is left out."""
    chosen = {**_secrets(params), **_data(recipe, params), **needless_quantization(recipe, params, machine)}
    settled = {**params, **{name: override.value for name, override in chosen.items()}}
    chosen |= needless_checkpointing(recipe, settled, machine, base) | _logging(recipe, params, machine)
    return chosen | _environment(recipe, params, machine)


def environment(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> dict[str, str]:
    """What the train step's environment adds: the listed variables, and quiet ones that change nothing people see."""
    listed = {name: str(override.value) for name, override in _environment(recipe, params, machine).items()}
    return {
        **listed,
        "HF_DATASETS_CACHE": "{run}/work/.datasets",
        **WAITING,
        "PAUSE_ON_FAILURE": "0",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _secrets(params: Mapping[str, object]) -> dict[str, Override]:
    chosen = {}
    if params["token"] is not None:
        chosen["token"] = Override(
            None, "AutoTrain would write it to training_params.json; trainers read the environment"
        )
    if params["push_to_hub"]:
        chosen["push_to_hub"] = Override(False, "hf-recipes pushes by itself, once the weights are verified")
    return chosen


def _data(recipe: Recipe, params: Mapping[str, object]) -> dict[str, Override]:
    if not prepares_data(recipe):
        return {}
    chosen = {"data_path": Override(PREPARED, "rows are checked, converted and split before training")}
    if recipe.data.messages and not writes(recipe, "data.chat_template"):
        why = "data.messages needs a chat template: the base model's own"
        chosen["chat_template"] = Override(params["chat_template"], why)
    if params["train_split"] != "train":
        chosen["train_split"] = Override("train", "the name of the prepared file")
    if recipe.data.valid_split is None and recipe.data.local and recipe.task != "lm_training":
        chosen["valid_split"] = Override(
            "validation", "a fifth of local data is held out, as autotrain --config does"
        )
    elif params["valid_split"] not in (None, "validation"):
        chosen["valid_split"] = Override("validation", "the name of the prepared file")
    return chosen


def seeded(recipe: Recipe) -> bool:
    """Whether our script starts the trainer. The tabular one is none of transformers'."""
    return recipe.task != "tabular"


def prepares_data(recipe: Recipe) -> bool:
    """Whether the prepare step converts the data; otherwise the trainer reads it from where it is."""
    chat = recipe.task == "lm_training" and recipe.data.chat_template in CHAT_TEMPLATES
    return chat or needs_conversion(recipe)


def needs_conversion(recipe: Recipe) -> bool:
    """Whether the trainer could not read the data from where it is."""
    return recipe.task not in IMAGE_TASKS and must_be_converted(recipe.data)


def _logging(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> dict[str, Override]:
    if params.get("logging_steps") != -1 or "logging_steps" in recipe.params:
        return {}
    if params.get("valid_split") is not None and params.get("eval_strategy") == "steps":
        # With `steps` AutoTrain also evaluates and saves as often as it logs.
        return {}
    steps = 10 if machine.gpus else 1
    return {
        "logging_steps": Override(steps, "progress to look at; AutoTrain would report up to 25 steps at once")
    }


def _environment(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> dict[str, Override]:
    threads = max(1, machine.cores // max(1, len(machine.gpus)))
    chosen = {
        "OMP_NUM_THREADS": Override(threads, "accelerate would leave it at 1: one thread for each core here")
    }
    if seeded(recipe):
        why = "`seed`, set before the model is made: AutoTrain draws an adapter's first weights without it, and only seq2seq reads it"
        chosen["HF_RECIPES_SEED"] = Override(params["seed"], why)
    if recipe.task == "lm_training":
        why = "AutoTrain cuts the base's embedding down to the tokenizer's words, and an adapter would bring all of it along"
        chosen["HF_RECIPES_VOCABULARY"] = Override("whole", why)
    if recipe.trust_remote_code:
        chosen["ALLOW_REMOTE_CODE"] = Override("true", "trust_remote_code stands in the recipe")
    else:
        chosen["ALLOW_REMOTE_CODE"] = Override(
            "false", "a model's own code runs only with trust_remote_code: true"
        )
    return chosen
