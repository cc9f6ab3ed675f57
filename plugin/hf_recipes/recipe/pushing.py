"""What a recipe needs where its model goes to the Hub: a name that a repo can have, an account, a token."""

from __future__ import annotations

import re

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.recipe.check import Reading
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem

HUB_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*", re.ASCII)
"""A part of a repo's id, as the Hub takes it."""
NO_ACCOUNT = "is no name of an account on the Hub"
ACCOUNT = "write the name that stands in the address of the account's page"
BAD_NAME = "names the model's repo, for which the Hub takes the letters a to z, digits and single hyphens between them"


def check_pushing(reading: Reading) -> None:
    """Adds a problem for what is missing or wrong, where something is pushed. Elsewhere nothing of it is needed."""
    values = reading.values
    backend, pushes = values.get("backend"), values.get("hub.push_to_hub") is True
    elsewhere = isinstance(backend, str) and not runs_here(backend)
    if not (pushes or elsewhere):
        return
    username = values.get("hub.username")
    if isinstance(username, str) and not HUB_NAME.fullmatch(username):
        reading.report("hub.username", "bad-name", NO_ACCOUNT, ACCOUNT)
    for key, variable in reading.unset.items():
        other = (
            "leave it out: the account that is logged in is asked then"
            if elsewhere
            else "write push_to_hub: false"
        )
        told = f"the environment variable {variable} is not set"
        reading.report(key, "unset-variable", told, f"export {variable}=…, or {other}")
    name = values.get("project_name")
    if isinstance(name, str) and not HUB_NAME.fullmatch(name) and _is_otherwise_right(reading):
        reading.report("project_name", "project-name", BAD_NAME)
    if not pushes:
        return
    for part in ("username", "token"):
        key = f"hub.{part}"
        if key in reading.blank or key not in reading.places:
            reading.report(key, "missing-key", "missing, and push_to_hub is true")


def push_problems(recipe: Recipe) -> list[Problem]:
    """What keeps a recipe that pushes nothing itself from being pushed all the same, as `run --push` does."""
    from hf_recipes.recipe import problem_at

    found = []
    for key, variable in recipe.hub.unset:
        told = f"the environment variable {variable} is not set, and --push needs it"
        found.append(problem_at(recipe, key, "unset-variable", told, f"export {variable}=…, or leave it out"))
    if recipe.hub.username and not HUB_NAME.fullmatch(recipe.hub.username):
        found.append(problem_at(recipe, "hub.username", "bad-name", NO_ACCOUNT, ACCOUNT))
    if not HUB_NAME.fullmatch(recipe.project_name):
        found.append(problem_at(recipe, "project_name", "project-name", BAD_NAME))
    return found


def _is_otherwise_right(reading: Reading) -> bool:
    return not any(problem.message.startswith("project_name:") for problem in reading.problems)
