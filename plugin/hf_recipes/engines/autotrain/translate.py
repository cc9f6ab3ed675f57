"""Recipe → Job: the programs to run, in order. Pure: nothing is read, nothing is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

from hf_recipes.catalog.hardware import machine_for
from hf_recipes.catalog.machine import Machine
from hf_recipes.data.columns import IMAGE_TASKS
from hf_recipes.engines.autotrain import overrides
from hf_recipes.engines.autotrain.launch import launch, sharded
from hf_recipes.engines.autotrain.logs import log_secrets
from hf_recipes.engines.autotrain.resolve import resolve
from hf_recipes.engines.job import Job, Push, Step
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe import place_of
from hf_recipes.recipe.autotrain import module_of
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.place import Place

ON_GPU = "on_gpu.py"
NO_PICKLES = "no_pickles.py"
SEEDED = "seeded.py"
NEWER_BASE = "newer_base.py"
VOCABULARY = "vocabulary.py"
MEAN_LOSS = "mean_loss.py"
CHAT_OPTIONS = "chat_options.py"
SHARDED = "sharded.py"
VALIDATION = "clm_validation.py"
MEASURING = ("prepare", "answer", "report")
"""The steps that a base is measured by. A job without a step named `train` trains nothing: that is how it is told apart."""


def translate(recipe: Recipe, machine: Machine, base: Base | None = None) -> Job:
    """The job of a recipe that `check` finds nothing wrong with.

    `machine` is this one; another backend's is known by name. `base` is what is known of the base model's size:
    without it, what depends on an estimate stays as AutoTrain has it.
    """
    there = machine_for(recipe.backend, machine)
    params = resolve(recipe)
    chosen = overrides.choose(recipe, params, there, base)
    settled = {**params, **{name: override.value for name, override in chosen.items()}}
    scripts = _scripts(recipe, settled, there)
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
        steps=_steps(recipe, settled, there, scripts),
        files={f"work/{name}": _text(name) for name in scripts},
        secrets=tuple(
            dict.fromkeys(
                filter(None, (recipe.hub.token_variable, "HF_TOKEN", *_keys(recipe), *log_secrets(recipe)))
            )
        ),
        settings=recipe.settings,
        recipe_folder=str(recipe.file.parent.absolute()) if recipe.backend.startswith("local") else "",
        use_case=recipe.use_case,
        push=_push(recipe),
        places=_places(recipe),
    )


def measuring(job: Job, baselines: tuple[str, ...]) -> Job:
    """The job of `decide`: on this machine the base answers the same test rows, and no step trains, verifies or pushes.

    Bounds that are for the fine-tuned model are left out. `job` is that of a recipe with `evaluate:`, for this machine.
    """
    assert job.evaluate is not None
    asked = replace(job.evaluate, baselines=baselines, require={}, forgetting=False)
    steps = tuple(step for step in job.steps if step.name in MEASURING)
    return replace(job, evaluate=asked, steps=steps, files={}, push=None)


def _steps(
    recipe: Recipe, params: Mapping[str, object], machine: Machine, scripts: tuple[str, ...]
) -> tuple[Step, ...]:
    steps = [
        Step("prepare", "prepare", "inference", _ours("inference.prepare")),
        Step(
            "train",
            "train",
            requirements(recipe.task, params, len(machine.gpus)),
            launch(recipe.task, params, len(machine.gpus), program=_program(recipe.task, scripts)),
            overrides.environment(recipe, params, machine),
        ),
        Step(
            "verify", "train", "inference", _ours("inference.verify"), promote=f"work/{recipe.project_name}"
        ),
    ]
    if recipe.evaluate is not None and recipe.data.test_split is not None:
        steps.append(Step("answer", "evaluate", "inference", _ours("inference.answer")))
        steps.append(Step("report", "evaluate", "inference", _ours("evaluation.write")))
    if _push(recipe) is not None:
        steps.append(Step("push", "push", "core", _ours("hub.step")))
    return tuple(steps)


def _scripts(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> tuple[str, ...]:
    """What goes along to start the trainer, outermost first."""
    if not overrides.seeded(recipe):
        return ()
    scripts = [ON_GPU] if machine.gpus else []
    scripts += [SEEDED, NEWER_BASE, NO_PICKLES]
    if recipe.task == "lm_training":
        scripts += [VOCABULARY, CHAT_OPTIONS, MEAN_LOSS]
    if len(machine.gpus) > 1 and sharded(recipe.task, params, len(machine.gpus)):
        scripts.append(SHARDED)
    if recipe.task == "lm_training" and params["valid_split"] is not None:
        scripts.append(VALIDATION)
    return tuple(scripts)


def _program(task: str, scripts: tuple[str, ...]) -> tuple[str, ...]:
    if not scripts:
        return ()
    paths = tuple(f"{{run}}/work/{name}" for name in scripts)
    return paths if VALIDATION in scripts else (*paths, module_of(task))


def _keys(recipe: Recipe) -> tuple[str | None, ...]:
    """The variables that hold the keys of the endpoints that are asked while evaluating."""
    evaluate = recipe.evaluate
    if evaluate is None:
        return ()
    endpoints = [one.api_key for one in (evaluate.reference, evaluate.server) if one is not None]
    options = [one.options.get("api_key") for one in evaluate.metrics]
    return (*endpoints, *(str(key) for key in options if key))


def _places(recipe: Recipe) -> dict[str, Place]:
    keys = [f"data.messages.{number}" for number in range(len(recipe.data.messages))]
    if recipe.evaluate is not None and recipe.evaluate.baseline_system is not None:
        keys.append("evaluate.baseline_system")
    return {key: place_of(recipe, key) for key in keys}


def _push(recipe: Recipe) -> Push | None:
    """A remote machine forgets what it made, so a model that was trained there always goes to the Hub."""
    if not recipe.hub.push_to_hub and recipe.backend.startswith("local"):
        return None
    username = recipe.hub.username
    return Push(repo=f"{username}/{recipe.project_name}" if username else None)


def requirements(task: str, params: Mapping[str, object], gpus: int) -> str:
    """The requirement set that the task's trainer needs on a machine with so many GPUs."""
    if task in IMAGE_TASKS:
        return "autotrain-vision"
    if task == "tabular":
        return "autotrain-tabular"
    return "autotrain-deepspeed" if gpus > 1 and sharded(task, params, gpus) else "autotrain"


def _ours(module: str) -> tuple[str, ...]:
    return ("{python}", "-m", f"hf_recipes.{module}", "{run}")


def _text(script: str) -> str:
    return (files("hf_recipes") / "runner" / script).read_text(encoding="utf-8")
