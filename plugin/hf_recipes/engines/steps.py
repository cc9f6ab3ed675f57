"""What every job has, whoever trains: the steps around the training, what they are told and which secrets they need."""

from __future__ import annotations

from dataclasses import replace

from hf_recipes.engines.job import Job, Push, Step
from hf_recipes.recipe import place_of
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.place import Place

MEASURING = ("prepare", "answer", "report")
"""The steps that a base is measured by. A job without a step named `train` trains nothing: that is how it is told apart."""


def steps_around(recipe: Recipe, train: Step) -> tuple[Step, ...]:
    """The steps of a run, the engine's own among them. `train` leaves the model in work/<project_name>."""
    steps = [
        Step("prepare", "prepare", "inference", _ours("steps.prepare.prepare")),
        train,
        Step("verify", "train", "inference", _ours("steps.verify"), promote=f"work/{recipe.project_name}"),
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
    if not recipe.hub.push_to_hub and recipe.backend.startswith("local"):
        return None
    username = recipe.hub.username
    return Push(repo=f"{username}/{recipe.project_name}" if username else None)


def _ours(module: str) -> tuple[str, ...]:
    return ("{python}", "-m", f"hf_recipes.{module}", "{run}")
