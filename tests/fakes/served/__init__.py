"""An engine whose result is an endpoint: its trainer tells a server to "train", and the server answers for both models.

What it has in common with the copying engine it takes from there; an engine of ours would stand alone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from fakes.copying import (
    check_base,
    check_run,
    check_runs_dir,
    export,
    export_needs_data,
    length_parameters,
    preparation,
    sources,
    training_facts,
    unknown_architecture,
)
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.engine import TrainerSettings, Training
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe import Problem, Recipe
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field
from hf_recipes.record.job import Step

name = "served"
title = "Served"
version = "2.0"
gives_endpoint = True
export_command = "served copy.json"

__all__ = [
    "check_base", "check_recipe", "check_run", "check_runs_dir", "export", "export_command", "export_needs_data",
    "gives_endpoint", "length_parameters", "name", "preparation", "resolve_settings", "schema", "sources", "title",
    "train", "training_facts", "unknown_architecture", "version",
]  # fmt: skip


@cache
def schema() -> EngineSchema:
    from fakes import copying

    url = Field("params.url", ("str",), "The provider's address.", "Served 2.0")
    return replace(copying.schema(), engine=name, task_fields=lambda task: {url.key: url})


def check_recipe(recipe: Recipe, machine: Machine) -> list[Problem]:
    return []


def resolve_settings(recipe: Recipe, machine: Machine, base: Base | None) -> TrainerSettings:
    return TrainerSettings({"seed": 42, **recipe.params})


def train(recipe: Recipe, settings: TrainerSettings, machine: Machine) -> Training:
    code = Path(__file__).with_name("train.py").read_text(encoding="utf-8")
    argv = ("{python}", "{run}/work/train.py", str(settings.params["url"]))
    return Training(Step("train", "train", "core", argv), {"work/train.py": code}, ("SERVED_KEY",))
