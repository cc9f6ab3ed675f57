"""What a run would be and what it may cost, told before anything is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from hf_recipes import environments
from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.environments.call import ask_inference
from hf_recipes.estimates import prices, training
from hf_recipes.recipe import at_its_key
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.record.job import Job

if TYPE_CHECKING:
    from hf_recipes.api.plan import Plan

Say = Callable[[str], None]
Read = dict[str, Mapping[str, object]]
"""The data that has been read already, since the recipes of a matrix mostly share theirs."""


def plan_checked(checked: CheckedRecipe, examples: int, say: Say) -> Plan:
    """Data and Hub are read where they can be; what could not is named."""
    from hf_recipes.api import decide

    made = _priced(checked.recipe, _planned(checked, {}, say, examples))
    refused = made.data.get("unusable_base")
    told = decide.tunability_as_json(checked, str(refused) if refused else None)
    return replace(made, tunable=told)


def plans_checked(checked: Sequence[CheckedRecipe], say: Say) -> list[Plan]:
    """As plan, of several recipes; without what is known of tuning their bases."""
    read: Read = {}
    return [_priced(recipe.recipe, _planned(recipe, read, say)) for recipe in checked]


def costs_checked(checked: Sequence[CheckedRecipe], say: Say, thorough: bool) -> list[prices.Cost | None]:
    """What a run of each may cost by an estimate; None on this machine. Only a `thorough` one makes an environment to read the data."""
    read: Read = {}
    return [
        None if runs_here(recipe.recipe.backend) else _cost(recipe, read, say, thorough) for recipe in checked
    ]


def _priced(recipe: Recipe, made: Plan) -> Plan:
    """With what it costs elsewhere."""
    if runs_here(recipe.backend):
        return made
    return replace(made, cost=prices.cost(recipe.backend, _price(recipe.backend), _seconds(made)))


def _seconds(made: Plan) -> int | None:
    return made.training.time.seconds if made.training and made.training.time else None


def _cost(checked: CheckedRecipe, read: Read, say: Say, thorough: bool) -> prices.Cost:
    recipe = checked.recipe
    price = _price(recipe.backend)
    if not thorough and not _can_read():
        return prices.cost(recipe.backend, price, None)
    made = _planned(checked, read, say)
    if made.training and (short := training.short_of_memory(made.training)):
        say(f"{recipe.project_name} on {recipe.backend}: {short}")
    return prices.cost(recipe.backend, price, _seconds(made))


def _can_read() -> bool:
    """Whether data can be read here without anything being made for it first."""
    try:
        return environments.ready("inference") is not None
    except environments.EnvironmentFailed:
        return False


def _planned(checked: CheckedRecipe, read: Read, say: Say, examples: int = 0) -> Plan:
    from hf_recipes.api.plan import make_plan

    job, recipe = checked.job, checked.recipe
    lengths = {name: job.params.get(name) for name in checked.engine.length_parameters}
    evaluate = asdict(job.evaluate) if job.evaluate else None
    key = json.dumps([job.engine, asdict(job.data), job.base_model, job.task, lengths, evaluate], default=str)
    if key not in read:
        try:
            read[key] = _inspect(job, examples, say)
        except RecipeError as error:
            raise RecipeError(at_its_key(recipe, problem) for problem in error.problems) from None
    return make_plan(checked, _placed(recipe, read[key]))


def _placed(recipe: Recipe, data: Mapping[str, Any]) -> Mapping[str, object]:
    """With the warnings about keys of the recipe at their lines."""
    found = [at_its_key(recipe, Problem(**warning)).as_dict() for warning in data.get("warnings") or ()]
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
