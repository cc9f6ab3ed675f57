"""What of the defaults that save memory a run does not need, by parameters that engines share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.shared_facts import training_facts
from hf_recipes.estimates import training
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe.model import Recipe
from hf_recipes.record.job import Override

MEMORY_SHARE = 0.7
"""The share of the device's memory up to which we trust an estimate enough to switch checkpointing off."""


def needless_quantization(
    recipe: Recipe, params: Mapping[str, object], machine: Machine
) -> dict[str, Override]:
    """int4 is the default, also where nothing can be quantized."""
    if params.get("quantization") is None or "quantization" in recipe.params:
        return {}
    if not params["peft"]:
        why = "the default counts only with peft"
    elif not machine.gpus:
        why = "the default needs a GPU, and there is none"
    else:
        return {}
    return {"quantization": Override(None, why)}


def needless_checkpointing(
    recipe: Recipe, params: Mapping[str, object], machine: Machine, base: Base | None
) -> dict[str, Override]:
    """`params`: with what is chosen already. Without `base` nothing is known of the memory."""
    if (
        params.get("disable_gradient_checkpointing", True)
        or "disable_gradient_checkpointing" in recipe.params
    ):
        return {}
    size = training.training_memory(machine)
    facts = replace(training_facts(params), checkpointing=False)
    need = training.memory(base, facts) if base else None
    if (
        size is None
        or need is None
        or need.total is None
        or need.total + training.OVERHEAD > MEMORY_SHARE * size
    ):
        return {}
    why = (
        f"recomputing activations is not needed: an estimated {(need.total + training.OVERHEAD) / 1024**3:.1f} GiB "
        f"of {size / 1024**3:.0f} GiB without it"
    )
    return {"disable_gradient_checkpointing": Override(True, why)}
