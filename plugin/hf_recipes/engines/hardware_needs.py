"""What parameters that engines share need of a machine: a GPU, one that is new enough, a base that it can reach."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hf_recipes.catalog.hardware import machine_for, runs_here
from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.recipe import Problem, Recipe, problem_at

GPU_OPTIMIZERS = ("8bit", "4bit", "paged", "bnb", "apex", "npu", "xla")
"""Parts of the names of optimizers that bitsandbytes, apex or another accelerator brings."""
BEFORE_BF16 = re.compile(r"\b(?:T4G?|V100|P100|P40|P4|GTX|TITAN|Quadro|RTX 20\d\d)\b", re.IGNORECASE)
"""GPUs of before Ampere, by the names that NVIDIA's driver gives them."""


def unmet_needs(recipe: Recipe, params: Mapping[str, object], machine: Machine) -> Iterator[Problem]:
    """`params`: the engine's resolution of the recipe. `machine` is this one; another backend's is known by name."""
    gpus = machine_for(recipe.backend, machine).gpus
    return _too_old(recipe, gpus) if gpus else _without_gpu(recipe, params)


def base_stays_here(recipe: Recipe) -> Iterator[Problem]:
    if not runs_here(recipe.backend) and Path(recipe.base_model).is_absolute():
        message = f"a folder of this machine is not there on {recipe.backend}"
        hint = "push it and name it as user/name, or use backend: local"
        yield problem_at(recipe, "base_model", "not-there", message, hint)


def _too_old(recipe: Recipe, gpus: Sequence[Gpu]) -> Iterator[Problem]:
    """torch computes bf16 on them all the same, in float32 and many times slower than an estimate can know."""
    old = next((gpu.name for gpu in gpus if BEFORE_BF16.search(gpu.name)), None)
    if old and recipe.params.get("mixed_precision") == "bf16":
        what = f"{old} cannot compute in bf16, and would be many times slower than with fp16"
        yield problem_at(recipe, "params.mixed_precision", "unsupported", what, "write fp16")


def _without_gpu(recipe: Recipe, params: Mapping[str, object]) -> Iterator[Problem]:
    where = "there is none here" if runs_here(recipe.backend) else f"{recipe.backend} has none"

    def needs_gpu(name: str, what: object, hint: str) -> Problem:
        return problem_at(recipe, f"params.{name}", "needs-gpu", f"{what} needs a GPU, and {where}", hint)

    if recipe.params.get("quantization") in ("int4", "int8"):
        yield needs_gpu("quantization", recipe.params["quantization"], "write null")
    if any(part in str(params.get("optimizer")) for part in GPU_OPTIMIZERS):
        yield needs_gpu("optimizer", params["optimizer"], "write adamw_torch")
    if params.get("distributed_backend") == "deepspeed":
        yield needs_gpu("distributed_backend", "deepspeed", "leave it out")
    for name in ("use_flash_attention_2", "unsloth"):
        if params.get(name):
            yield needs_gpu(name, "it", "write false")
