"""Recipe → how AutoTrain's trainer is started. Pure: nothing is read, nothing is started."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from hf_recipes.catalog.machine import Machine
from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.engines.autotrain import overrides
from hf_recipes.engines.autotrain.launch import launch, sharded
from hf_recipes.engines.autotrain.logs import log_secrets
from hf_recipes.engines.autotrain.resolve import resolve
from hf_recipes.engines.autotrain.table import module_of
from hf_recipes.engines.engine import TrainerSettings, Training
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe.model import Recipe
from hf_recipes.record.job import Step

ON_GPU = "on_gpu"
SEEDED = "seeded"
NEWER_BASE = "newer_base"
NO_PICKLES = "no_pickles"
VOCABULARY = "vocabulary"
CHAT_OPTIONS = "chat_options"
MEAN_LOSS = "mean_loss"
SHARDED = "sharded"
VALIDATION = "clm_validation"
SHIMS = "work/shims"
"""Where in a run's folder they lie."""


def resolve_settings(recipe: Recipe, machine: Machine, base: Base | None) -> TrainerSettings:
    params = resolve(recipe)
    return TrainerSettings(params, overrides.choose(recipe, params, machine, base))


def train(recipe: Recipe, settings: TrainerSettings, machine: Machine) -> Training:
    params = settings.settled
    shims = _shims(recipe, params, machine)
    files = {f"{SHIMS}/{name}.py": _text(name) for name in (("start", *shims) if shims else ())}
    return Training(_train_step(recipe, params, machine, shims), files, log_secrets(recipe))


def _train_step(
    recipe: Recipe, params: Mapping[str, object], machine: Machine, shims: tuple[str, ...]
) -> Step:
    gpus = len(machine.gpus)
    program = (f"{{run}}/{SHIMS}/start.py", ",".join(shims), module_of(recipe.task)) if shims else ()
    return Step(
        "train",
        "train",
        requirements(recipe.task, params, gpus),
        launch(recipe.task, params, gpus, program=program),
        overrides.environment(recipe, params, machine),
    )


def _shims(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> tuple[str, ...]:
    """What is set right before the trainer starts, in this order."""
    if not overrides.seeded(recipe):
        return ()
    shims = [ON_GPU] if machine.gpus else []
    shims += [SEEDED, NEWER_BASE, NO_PICKLES]
    if recipe.task == "lm_training":
        shims += [VOCABULARY, CHAT_OPTIONS, MEAN_LOSS]
    if len(machine.gpus) > 1 and sharded(recipe.task, params, len(machine.gpus)):
        shims.append(SHARDED)
    if recipe.task == "lm_training" and params["valid_split"] is not None:
        shims.append(VALIDATION)
    return tuple(shims)


def requirements(task: str, params: Mapping[str, object], gpus: int) -> str:
    """The requirement set that the task's trainer needs on a machine with so many GPUs."""
    if task in IMAGE_TASKS:
        return "autotrain-vision"
    if task == "tabular":
        return "autotrain-tabular"
    return "autotrain-deepspeed" if gpus > 1 and sharded(task, params, gpus) else "autotrain"


def _text(shim: str) -> str:
    return (files("hf_recipes.engines.autotrain") / "shims" / f"{shim}.py").read_text(encoding="utf-8")
