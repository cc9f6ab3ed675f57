"""What AutoTrain accepts, out of a table generated from its own code (tests/engines/autotrain_table.py)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from hf_recipes.engines.resolution import Parameter


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("params.json").read_text("utf-8"))
    return table


def version() -> str:
    return str(_table()["versions"]["autotrain-advanced"])


def tasks() -> tuple[str, ...]:
    """The canonical tasks."""
    return tuple(_table()["tasks"])


def task_names() -> dict[str, tuple[str, str | None]]:
    """Every task name that AutoTrain can run, aliases included → its canonical task, and the trainer that the name chooses."""
    return {name: (entry["task"], entry["trainer"]) for name, entry in _table()["names"].items()}


def refused_names() -> dict[str, str]:
    """The names that AutoTrain lists and then fails on → their canonical tasks."""
    names: dict[str, str] = _table()["refused_names"]
    return names


@cache
def engine_parameters(task: str) -> tuple[Parameter, ...]:
    """Every parameter of a canonical task's class, by name."""
    params = _table()["tasks"][task]["params"]
    return tuple(
        Parameter(name, tuple(entry["types"]), entry["default"], entry["title"])
        for name, entry in params.items()
    )


def class_of(task: str) -> str:
    """The name of a canonical task's parameter class."""
    return str(_table()["tasks"][task]["class"])


def module_of(task: str) -> str:
    """The module that trains a canonical task: `python -m` takes it."""
    return str(_table()["tasks"][task]["module"])


def hardware() -> tuple[str, ...]:
    """AutoTrain's backend names."""
    return tuple(_table()["hardware"])


def choices(what: str) -> tuple[str, ...]:
    """The names that the trainers know: optimizers, schedulers, eval_strategies or logs."""
    return tuple(_table()[what])


def tabular_models() -> dict[str, tuple[str, ...]]:
    """Base model names of the tabular task → classification, regression or both."""
    return {name: tuple(kinds) for name, kinds in _table()["tabular_models"].items()}
