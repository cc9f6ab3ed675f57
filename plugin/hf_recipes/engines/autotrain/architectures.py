"""Which models AutoTrain's transformers knows, out of a table generated from both (tests/engines/autotrain_architectures.py)."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.engines.autotrain.logs import OWN_PYTHON
from hf_recipes.engines.autotrain.table import module_of
from hf_recipes.engines.unknown_kind import unknown_kind
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.recipe.model import Recipe


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("model_types.json").read_text("utf-8"))
    return table


def transformers_version() -> str:
    return str(_table()["transformers"])


def class_for(task: str, trainer: str | None) -> str | None:
    """The class that loads the base model of a task, such as AutoModelForCausalLM; None where transformers loads none."""
    classes = _table()["trainers"].get(module_of(task).rpartition(".")[2], {})
    found = classes.get(trainer) or classes.get("")
    return None if found is None else str(found)


@cache
def model_types(auto_class: str) -> frozenset[str]:
    """The values of `model_type` in config.json that the class loads."""
    return frozenset(_table()["types"][auto_class].split())


def unknown_architecture(recipe: Recipe, base: Identity) -> str | None:
    """Why the engine cannot load this kind of model, in a sentence; None where it can, or where that is not known."""
    if os.environ.get(OWN_PYTHON) and runs_here(recipe.backend):
        return None  # a person's own interpreter may know more
    wanted = class_for(recipe.task, recipe.trainer)
    if wanted is None:
        return None
    loader = f"{wanted} of AutoTrain's transformers {transformers_version()} (January 2025)"
    return unknown_kind(base, model_types(wanted), loader, trust_remote_code=recipe.trust_remote_code)
