"""The engines by name, the default first: the one place that names them. An engine is a module that engine.py describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.record.job import Job

if TYPE_CHECKING:
    from hf_recipes.engines import autotrain, trl
    from hf_recipes.engines.engine import Engine

    CHECKED: tuple[Engine, ...] = (autotrain, trl)

ENGINES = {"autotrain": "hf_recipes.engines.autotrain", "trl": "hf_recipes.engines.trl"}
DEFAULT = next(iter(ENGINES))


def engine_named(name: str, module: str = "") -> Engine:
    """`module`: where it lies, as a job says it; left out, the registry's."""
    return cast("Engine", import_module(module or ENGINES[name]))


def engine_of(job: Job) -> Engine:
    """The engine that trains a job; a job that names none is the default's."""
    return engine_named(job.engine or DEFAULT, job.engine_module)


def engine_schemas() -> Mapping[str, EngineSchema]:
    """What each engine says of recipes, by its name, the default first."""
    return _schemas(tuple(ENGINES))


@cache
def _schemas(names: tuple[str, ...]) -> Mapping[str, EngineSchema]:
    return {name: replace(engine_named(name).schema(), engines=names) for name in names}
