"""Recipes that can run, checked once: what was learned on the way is passed on, so nothing is asked twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hf_recipes.api.other_engines import engine_that_loads
from hf_recipes.backends.machine import machine
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.engine import ARCHITECTURE, Engine
from hf_recipes.engines.jobs import translate
from hf_recipes.engines.registry import engine_named
from hf_recipes.estimates.model_identity import offline
from hf_recipes.estimates.model_size import Base, base_size
from hf_recipes.recipe import problem_at
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem, RecipeError
from hf_recipes.record.job import Job


@dataclass(frozen=True)
class CheckedRecipe:
    recipe: Recipe
    engine: Engine
    machine: Machine
    """This one."""
    base: Base | str
    """The size of the base model, or why it is not known."""
    job: Job

    @property
    def known_base(self) -> Base | None:
        return self.base if isinstance(self.base, Base) else None


def check_recipes(recipes: Sequence[Recipe], *, to_run: bool) -> list[CheckedRecipe]:
    """Raises RecipeError with everything that keeps any of them from being planned, or `to_run` from running."""
    here = machine()
    bases: dict[str, Base | str] = {}
    problems: list[Problem] = []
    for recipe in recipes:
        engine = engine_named(recipe.engine)
        if recipe.base_model not in bases:
            bases[recipe.base_model] = base_size(recipe)
        problems += engine.check_recipe(recipe, here)
        if to_run:
            problems += engine.check_run(recipe)
            problems += _of_architecture(recipe, engine)
        problems += engine.check_base(recipe, bases[recipe.base_model])
        if engine.gives_endpoint:
            problems += _of_endpoint(recipe)
    if problems:
        raise RecipeError(dict.fromkeys(problems))
    return [_checked(recipe, here, bases[recipe.base_model]) for recipe in recipes]


def _of_architecture(recipe: Recipe, engine: Engine) -> Iterator[Problem]:
    """Only where it is certain without asking anyone: by a folder's own config.json."""
    identity = offline(recipe.base_model)
    unknown = engine.unknown_architecture(recipe, identity) if identity is not None else None
    if unknown and identity is not None:
        other = engine_that_loads(recipe, identity)
        hint = f"write engine: {other}" if other else "name another base"
        hint += "; `hf-recipes decide` measures this one without training"
        yield problem_at(recipe, "base_model", ARCHITECTURE, unknown, hint)


def _of_endpoint(recipe: Recipe) -> Iterator[Problem]:
    """What only weights can do."""
    if recipe.hub.push_to_hub:
        message = f"{recipe.engine} trains an endpoint, which has no weights to push"
        yield problem_at(recipe, "hub.push_to_hub", "endpoint", message, "write false")
    evaluate = recipe.evaluate
    if evaluate is None:
        return
    for number, metric in enumerate(evaluate.metrics):
        if metric.name == "likelihood":
            message = "an endpoint does not tell how likely it finds a text"
            yield problem_at(recipe, f"evaluate.metrics.{number}", "endpoint", message, "leave it out")
    if evaluate.server is not None:
        message = f"{recipe.engine} trains an endpoint, and that is what answers"
        yield problem_at(recipe, "evaluate.server", "endpoint", message, "leave it out")


def _checked(recipe: Recipe, here: Machine, base: Base | str) -> CheckedRecipe:
    job = translate(recipe, here, base if isinstance(base, Base) else None)
    return CheckedRecipe(recipe, engine_named(recipe.engine), here, base, job)
