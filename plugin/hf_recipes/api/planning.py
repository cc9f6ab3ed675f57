"""What a run would be and what it may cost, told before anything is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from hf_recipes import environments
from hf_recipes.backends import local
from hf_recipes.engines import autotrain
from hf_recipes.engines.job import Job
from hf_recipes.environments.call import ask_inference
from hf_recipes.estimates import prices, timeout, training
from hf_recipes.estimates.model_size import Base, base_of
from hf_recipes.recipe import at_its_key
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem, RecipeError

if TYPE_CHECKING:
    from hf_recipes.api.plan import Plan

Say = Callable[[str], None]
Read = dict[str, Mapping[str, object]]
"""The data that has been read already, since the recipes of a matrix mostly share theirs."""
LENGTHS = ("block_size", "model_max_length", "max_seq_length", "max_target_length", "padding")
"""Parameters that change how many tokens a row has."""


def translated(recipe: Recipe) -> tuple[Job, Base | str]:
    """The job, and the size of the base model that it was made for, or why that is not known."""
    base = base_of(recipe)
    return autotrain.translate(recipe, local.machine(), base if isinstance(base, Base) else None), base


def plan(recipe: Recipe, examples: int, say: Say) -> Plan:
    """Data and Hub are read where they can be; what could not is named."""
    from hf_recipes.api import decide

    made = _priced(recipe, _planned(recipe, {}, say, examples))
    refused = made.data.get("unusable_base")
    told = decide.tunability_as_json(recipe, str(refused) if refused else None)
    return replace(made, tunable=told)


def plans(recipes: Sequence[Recipe], say: Say) -> list[Plan]:
    """As plan, of recipes that are valid; without what is known of tuning their bases."""
    read: Read = {}
    return [_priced(recipe, _planned(recipe, read, say)) for recipe in recipes]


def costs(recipes: Sequence[Recipe], say: Say, thorough: bool) -> list[prices.Cost | None]:
    """What a run of each may cost by an estimate; None on this machine. Only a `thorough` one makes an environment to read the data."""
    read: Read = {}
    return [
        None if recipe.backend.startswith("local") else _cost(recipe, read, say, thorough)
        for recipe in recipes
    ]


def _priced(recipe: Recipe, made: Plan) -> Plan:
    """With what it costs elsewhere, and the time limit that it has where it costs."""
    if recipe.backend.startswith("local"):
        return made
    cost = prices.cost(recipe.backend, _price(recipe.backend), made.estimate)
    known = {**made.estimate, "cost": prices.as_json(cost)}
    if cost.price.per_hour != 0:
        known["timeout"] = timeout.as_json(recipe.backend, cost.hours)
    return replace(made, estimate=known)


def _cost(recipe: Recipe, read: Read, say: Say, thorough: bool) -> prices.Cost:
    price = _price(recipe.backend)
    if not thorough and not _can_read():
        return prices.cost(recipe.backend, price, {})
    estimated = _planned(recipe, read, say).estimate
    if short := training.short_of_memory(estimated):
        say(f"{recipe.project_name} on {recipe.backend}: {short}")
    return prices.cost(recipe.backend, price, estimated)


def _can_read() -> bool:
    """Whether data can be read here without anything being made for it first."""
    try:
        return environments.ready("inference") is not None
    except environments.EnvironmentFailed:
        return False


def _planned(recipe: Recipe, read: Read, say: Say, examples: int = 0) -> Plan:
    from hf_recipes.api.plan import make_plan

    job, base = translated(recipe)
    lengths = {name: value for name, value in job.params.items() if name in LENGTHS}
    evaluate = asdict(job.evaluate) if job.evaluate else None
    key = json.dumps([asdict(job.data), job.base_model, job.task, lengths, evaluate], default=str)
    if key not in read:
        try:
            read[key] = _inspect(job, examples, say)
        except RecipeError as error:
            raise RecipeError(at_its_key(recipe, problem) for problem in error.problems) from None
    return make_plan(recipe, job, local.machine(), _placed(recipe, read[key]), base)


def _placed(recipe: Recipe, data: Mapping[str, Any]) -> Mapping[str, object]:
    """With the warnings about keys of the recipe at their lines."""
    found = [at_its_key(recipe, Problem(**one)).as_dict() for one in data.get("warnings") or ()]
    return {**data, "warnings": found} if found else data


def _inspect(job: Job, examples: int, say: Say) -> Mapping[str, object]:
    say("reading the data and the base model …")
    try:
        return ask_inference("hf_recipes.steps.prepare.inspect", request(job, examples), say)
    except environments.EnvironmentFailed as error:
        return {"unread": {"data": str(error)}}


def request(job: Job, examples: int = 0) -> dict[str, object]:
    """What the inference interpreter is told of a job whose data it is to read."""
    return {**asdict(job), "examples": examples}


def _price(backend: str) -> prices.Price:
    from hf_recipes.hub.prices import price

    return price(backend)
