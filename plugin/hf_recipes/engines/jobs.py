"""What every job has, whatever the engine: the steps around training, what they are told and which secrets they need."""

from __future__ import annotations

from dataclasses import replace

from hf_recipes.catalog.hardware import machine_for, runs_here
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.registry import ENGINES, engine_named
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe import place_of
from hf_recipes.recipe.model import Recipe, UseCase
from hf_recipes.recipe.place import Place
from hf_recipes.record.job import Job, Push, Step

MEASURING = ("prepare", "answer", "report")
"""The steps that a base is measured by. A job without a step named `train` trains nothing: that is how it is told apart."""


def translate(recipe: Recipe, machine: Machine, base: Base | None = None) -> Job:
    """The job of a recipe that its engine finds nothing wrong with. Pure: nothing is read, nothing is started.

    `machine` is this one; another backend's is known by name. `base` is what is known of the base model's size:
    without it, what depends on an estimate stays as the trainer has it.
    """
    engine = engine_named(recipe.engine)
    there = machine_for(recipe.backend, machine)
    settings = engine.resolve_settings(recipe, there, base)
    training = engine.train(recipe, settings, there)
    return Job(
        engine=engine.name,
        engine_title=engine.title,
        engine_version=engine.version,
        engine_module=ENGINES[engine.name],
        backend=recipe.backend,
        here=runs_here(recipe.backend),
        task=recipe.task,
        project_name=recipe.project_name,
        base_model=recipe.base_model,
        data=recipe.data,
        evaluate=recipe.evaluate,
        compare=recipe.compare,
        trust_remote_code=recipe.trust_remote_code,
        params=settings.params,
        overrides=settings.overrides,
        steps=steps_around(recipe, training.step, endpoint=engine.gives_endpoint),
        files=training.files,
        secrets=tuple(dict.fromkeys((*secrets_of(recipe), *training.secrets))),
        settings=recipe.settings,
        recipe_folder=str(recipe.file.parent.absolute()) if runs_here(recipe.backend) else "",
        use_case=recipe.use_case or UseCase(),
        push=push_of(recipe),
        places=places_of(recipe),
    )


def steps_around(recipe: Recipe, train: Step, *, endpoint: bool) -> tuple[Step, ...]:
    """The steps of a run, the engine's own among them. `train` leaves weights in work/<project_name>, or an `endpoint`."""
    promoted = None if endpoint else f"work/{recipe.project_name}"
    steps = [
        Step("prepare", "prepare", "inference", _ours("steps.prepare.prepare")),
        train,
        Step("verify", "train", "inference", _ours("steps.verify"), promote=promoted),
    ]
    if recipe.evaluate is not None and recipe.data.test_split is not None:
        steps.append(Step("answer", "evaluate", "inference", _ours("steps.answer.answer")))
        steps.append(Step("report", "evaluate", "inference", _ours("evaluation.write")))
    if push_of(recipe) is not None:
        steps.append(Step("push", "push", "core", _ours("hub.publish.step")))
    return tuple(steps)


def measuring(job: Job, baselines: tuple[str, ...]) -> Job:
    """The job of `decide`: on this machine the base answers the same test rows, and no step trains, verifies or pushes.

    Bounds that are for the fine-tuned model are left out. `job` is that of a recipe with `evaluate:`, for this machine.
    """
    assert job.evaluate is not None
    asked = replace(job.evaluate, baselines=baselines, require={}, forgetting=False)
    steps = tuple(step for step in job.steps if step.name in MEASURING)
    return replace(job, evaluate=asked, steps=steps, files={}, push=None)


def secrets_of(recipe: Recipe) -> tuple[str, ...]:
    """The variables that hold the Hub token and the keys of the endpoints that are asked while evaluating."""
    names: list[str | None] = [recipe.hub.token_variable, "HF_TOKEN"]
    if recipe.evaluate is not None:
        endpoints = (recipe.evaluate.reference, recipe.evaluate.server)
        names += [endpoint.api_key for endpoint in endpoints if endpoint is not None]
        keys = [metric.options.get("api_key") for metric in recipe.evaluate.metrics]
        names += [str(key) for key in keys if key]
    return tuple(dict.fromkeys(filter(None, names)))


def places_of(recipe: Recipe) -> dict[str, Place]:
    """Where in the recipe's file those keys stand that a step may find a problem of."""
    keys = [f"data.messages.{number}" for number in range(len(recipe.data.messages))]
    if recipe.evaluate is not None and recipe.evaluate.baseline_system is not None:
        keys.append("evaluate.baseline_system")
    return {key: place_of(recipe, key) for key in keys}


def push_of(recipe: Recipe) -> Push | None:
    """A remote machine forgets what it made, so a model that was trained there always goes to the Hub."""
    if not recipe.hub.push_to_hub and runs_here(recipe.backend):
        return None
    username = recipe.hub.username
    return Push(repo=f"{username}/{recipe.project_name}" if username else None)


def _ours(module: str) -> tuple[str, ...]:
    return ("{python}", "-m", f"hf_recipes.{module}", "{run}")
