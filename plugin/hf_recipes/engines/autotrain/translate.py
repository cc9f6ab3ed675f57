"""Recipe → Job: the programs to run, in order. Pure: nothing is read, nothing is started."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from hf_recipes.catalog.hardware import machine_for
from hf_recipes.catalog.machine import Machine
from hf_recipes.data.columns import IMAGE_TASKS
from hf_recipes.engines.autotrain import overrides
from hf_recipes.engines.autotrain.launch import launch, sharded
from hf_recipes.engines.autotrain.logs import log_secrets
from hf_recipes.engines.autotrain.resolve import resolve
from hf_recipes.engines.job import Job, Step
from hf_recipes.engines.steps import places_of, push_of, secrets_of, steps_around
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe.autotrain import module_of
from hf_recipes.recipe.model import Recipe

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


def translate(recipe: Recipe, machine: Machine, base: Base | None = None) -> Job:
    """The job of a recipe that `check` finds nothing wrong with.

    `machine` is this one; another backend's is known by name. `base` is what is known of the base model's size:
    without it, what depends on an estimate stays as AutoTrain has it.
    """
    there = machine_for(recipe.backend, machine)
    params = resolve(recipe)
    chosen = overrides.choose(recipe, params, there, base)
    settled = {**params, **{name: override.value for name, override in chosen.items()}}
    shims = _shims(recipe, settled, there)
    return Job(
        engine="autotrain",
        backend=recipe.backend,
        task=recipe.task,
        project_name=recipe.project_name,
        base_model=recipe.base_model,
        data=recipe.data,
        evaluate=recipe.evaluate,
        compare=recipe.compare,
        trust_remote_code=recipe.trust_remote_code,
        params=params,
        overrides=chosen,
        steps=steps_around(recipe, _train_step(recipe, settled, there, shims)),
        files={f"{SHIMS}/{name}.py": _text(name) for name in (("start", *shims) if shims else ())},
        secrets=tuple(dict.fromkeys((*secrets_of(recipe), *log_secrets(recipe)))),
        settings=recipe.settings,
        recipe_folder=str(recipe.file.parent.absolute()) if recipe.backend.startswith("local") else "",
        use_case=recipe.use_case,
        push=push_of(recipe),
        places=places_of(recipe),
    )


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
