"""An engine that "trains" by copying the base with some weights changed. It takes llm-sft and one parameter of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.engine import TrainerSettings, Training
from hf_recipes.engines.preparation import Preparation
from hf_recipes.estimates.facts import TrainingFacts
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.estimates.model_size import Base, unusable_base
from hf_recipes.recipe import Problem, Recipe, problem_at
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field
from hf_recipes.record.job import Override, Step

name = "copying"
title = "Copying"
version = "1.0"
gives_endpoint = False
length_parameters: tuple[str, ...] = ()
export_command = "copying copy.json"
DEFAULTS: dict[str, object] = {"change": 0.5, "seed": 42}


@cache
def schema() -> EngineSchema:
    fields = (
        Field("params.change", ("float",), "What is added to each changed weight.", "Copying 1.0", 0.5),
        Field("params.seed", ("int",), "Draws the test rows.", "Copying 1.0", 42, low=0),
    )
    return EngineSchema(
        engine=name,
        task_names={"llm-sft": ("lm_training", "sft")},
        task_fields=lambda task: {field.key: field for field in fields},
        needed_columns=lambda task, trainer: ("text_column",),
    )


def check_recipe(recipe: Recipe, machine: Machine) -> list[Problem]:
    if recipe.params.get("change") != 0:
        return []
    return [problem_at(recipe, "params.change", "no-change", "0 changes nothing", "write 0.5")]


def check_run(recipe: Recipe) -> list[Problem]:
    return []


def check_base(recipe: Recipe, base: Base | str | None) -> list[Problem]:
    return unusable_base(recipe, base)


def check_runs_dir(runs_dir: Path) -> Problem | None:
    return None


def unknown_architecture(recipe: Recipe, base: Identity) -> str | None:
    return None


def resolve_settings(recipe: Recipe, machine: Machine, base: Base | None) -> TrainerSettings:
    return TrainerSettings(
        {**DEFAULTS, **recipe.params}, {"OMP_NUM_THREADS": Override(1, "copying takes one core")}
    )


def sources(recipe: Recipe, overrides: Mapping[str, object]) -> dict[str, str]:
    return {
        parameter: "recipe" if parameter in recipe.params else "Copying default" for parameter in DEFAULTS
    } | dict.fromkeys(overrides, "chosen by us")


def training_facts(params: Mapping[str, object]) -> TrainingFacts:
    return TrainingFacts(batch_size=1, epochs=1)


def train(recipe: Recipe, settings: TrainerSettings, machine: Machine) -> Training:
    code = Path(__file__).with_name("train.py").read_text(encoding="utf-8")
    argv = ("{python}", "{run}/work/train.py", recipe.project_name, str(settings.params["change"]))
    return Training(Step("train", "train", "inference", argv), {"work/train.py": code})


def preparation() -> Preparation:
    from fakes.copying import rows

    return rows


def export_needs_data(recipe: Recipe) -> bool:
    return False


def export(recipe: Recipe, machine: Machine, *, base_model: str) -> Mapping[str, str]:
    return {"copy.json": json.dumps({"base": base_model, **recipe.params})}
