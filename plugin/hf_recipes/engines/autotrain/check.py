"""What AutoTrain would only crash on: this recipe on this hardware. Each finding is a Problem with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hf_recipes.engines.autotrain.resolve import resolve
from hf_recipes.engines.hardware import machine_for
from hf_recipes.engines.machine import Machine
from hf_recipes.recipe import Problem, Recipe, problem_at

GPU_OPTIMIZERS = ("8bit", "4bit", "paged", "bnb", "apex", "npu", "xla")
"""Parts of the names of optimizers that bitsandbytes, apex or another accelerator brings."""


def check(recipe: Recipe, machine: Machine) -> list[Problem]:
    """Everything that makes a recipe impossible on the hardware that its backend names. `machine` is this one."""
    params = resolve(recipe)
    found = [*_unsupported(recipe, params)]
    if not machine_for(recipe.backend, machine).gpus:
        found += _without_gpu(recipe, params)
    return sorted(found)


def cannot_run(recipe: Recipe) -> list[Problem]:
    """What AutoTrain takes and a run of ours does not: a pickle, as tabular models are, never leaves this machine."""
    if recipe.task != "tabular":
        return []
    pickle = "a tabular model is a pickle, which is never pushed"
    if not recipe.backend.startswith("local"):
        message = f"{pickle}, so nothing would come back from {recipe.backend}"
        return [problem_at(recipe, "backend", "pickle", message, "run here: --set backend=local")]
    if recipe.hub.push_to_hub:
        hint = "run without: --set hub.push_to_hub=false"
        return [problem_at(recipe, "hub.push_to_hub", "pickle", pickle, hint)]
    return []


def _unsupported(recipe: Recipe, params: Mapping[str, object]) -> Iterator[Problem]:
    if recipe.task == "seq2seq" and params["peft"] and params["quantization"] == "int4":
        message, hint = "AutoTrain has no int4 for seq2seq", "write int8 or null"
        yield problem_at(recipe, "params.quantization", "unsupported", message, hint)
    if recipe.task == "tabular" and recipe.data.valid_split is None and not recipe.data.local:
        message, hint = "AutoTrain trains tabular data only with validation rows", "name a split"
        yield problem_at(recipe, "data.valid_split", "no-validation", message, hint)


def _without_gpu(recipe: Recipe, params: Mapping[str, object]) -> Iterator[Problem]:
    where = "there is none here" if recipe.backend.startswith("local") else f"{recipe.backend} has none"

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
