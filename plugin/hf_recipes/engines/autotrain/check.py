"""What AutoTrain would only crash on: this recipe on this hardware. Each finding is a Problem with its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from hf_recipes.catalog.hardware import machine_for, runs_here
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.autotrain.launch import sharded
from hf_recipes.engines.autotrain.logs import OWN_PYTHON, check_log
from hf_recipes.engines.autotrain.places import unusable_data
from hf_recipes.engines.autotrain.resolve import resolve
from hf_recipes.engines.hardware_needs import base_stays_here, unmet_needs
from hf_recipes.recipe import Problem, Recipe, problem_at

NO_GPU = Machine(cores=1, memory=0)


def check_recipe(recipe: Recipe, machine: Machine) -> list[Problem]:
    """Everything that makes a recipe impossible on the hardware that its backend names. `machine` is this one."""
    params = resolve(recipe)
    found = [*_unsupported(recipe, params), *check_log(recipe)]
    found += unmet_needs(recipe, params, machine)
    if runs_here(recipe.backend):
        found += _split_by_deepspeed(recipe, machine)
    return sorted(found)


def check_run(recipe: Recipe) -> list[Problem]:
    return [
        *_pickles(recipe),
        *_not_installed(recipe),
        *_split_by_deepspeed(recipe, NO_GPU),
        *base_stays_here(recipe),
        *unusable_data(recipe),
    ]


def _pickles(recipe: Recipe) -> Iterator[Problem]:
    if recipe.task != "tabular":
        return
    pickle = "a tabular model is a pickle, which is never pushed"
    if not runs_here(recipe.backend):
        message = f"{pickle}, so nothing would come back from {recipe.backend}"
        yield problem_at(recipe, "backend", "pickle", message, "run here: --set backend=local")
    elif recipe.hub.push_to_hub:
        hint = "run without --push, and with --set hub.push_to_hub=false"
        yield problem_at(recipe, "hub.push_to_hub", "pickle", pickle, hint)


def _split_by_deepspeed(recipe: Recipe, machine: Machine) -> Iterator[Problem]:
    """What AutoTrain starts with DeepSpeed ZeRO-3 and is not known to end with whole weights."""
    params, gpus = resolve(recipe), len(machine_for(recipe.backend, machine).gpus)
    if gpus < 2 or recipe.task == "tabular" or not sharded(recipe.task, params, gpus):
        return
    if recipe.task != "lm_training":
        message = f"AutoTrain trains {recipe.task} on {gpus} GPUs with DeepSpeed, which hf-recipes does for llm tasks alone"
        hint = "name a backend with one or two GPUs"
        yield problem_at(recipe, "backend", "unsupported", message, hint)
        return
    ddp = "distributed_backend: ddp"
    if params["peft"] and params["quantization"]:
        default = "" if "quantization" in recipe.params else ", AutoTrain's default,"
        message = f"{params['quantization']}{default} keeps the base in bytes, and DeepSpeed ZeRO-3 is documented to split floats alone"
        hint = f"write quantization: null, or {ddp}"
        yield problem_at(recipe, "params.quantization", "unsupported", message, hint)
    if params["peft"] and params["merge_adapter"]:
        message = "AutoTrain cannot merge an adapter into a base that DeepSpeed ZeRO-3 splits"
        hint = f"write merge_adapter: false, or {ddp}"
        yield problem_at(recipe, "params.merge_adapter", "unsupported", message, hint)


def _not_installed(recipe: Recipe) -> Iterator[Problem]:
    """Packages that AutoTrain's trainers use where they find them, and that no environment of ours holds."""
    if os.environ.get(OWN_PYTHON) and runs_here(recipe.backend):
        return
    own = f"write false, or run here with {OWN_PYTHON} set to an interpreter that has it"
    if recipe.params.get("use_flash_attention_2"):
        what = "flash-attn is not installed in the interpreter that we make; torch's own fused attention is used without it"
        yield problem_at(recipe, "params.use_flash_attention_2", "not-installed", what, own)
    if recipe.params.get("unsloth"):
        what = (
            "unsloth is not installed in the interpreter that we make, and AutoTrain would go on without it"
        )
        yield problem_at(recipe, "params.unsloth", "not-installed", what, own)


def _unsupported(recipe: Recipe, params: Mapping[str, object]) -> Iterator[Problem]:
    if recipe.task == "seq2seq" and params["peft"] and params["quantization"] == "int4":
        message, hint = "AutoTrain has no int4 for seq2seq", "write int8 or null"
        yield problem_at(recipe, "params.quantization", "unsupported", message, hint)
    if recipe.task == "tabular" and recipe.data.valid_split is None and not recipe.data.local:
        message, hint = "AutoTrain trains tabular data only with validation rows", "name a split"
        yield problem_at(recipe, "data.valid_split", "no-validation", message, hint)
