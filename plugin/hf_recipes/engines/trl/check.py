"""What TRL's trainer would only crash on, or leave out without a word: this recipe on this hardware, with this base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.base_fit import misfits
from hf_recipes.engines.hardware_needs import base_stays_here, unmet_needs
from hf_recipes.engines.trl.parameters import model_types, transformers_version
from hf_recipes.engines.trl.settings import resolve
from hf_recipes.engines.unknown_kind import unknown_kind
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe import Problem, Recipe, problem_at

HEAD = "lm_head"


def check_recipe(recipe: Recipe, machine: Machine) -> list[Problem]:
    params = resolve(recipe)
    return sorted([*unmet_needs(recipe, params, machine), *_without_counterpart(recipe, params)])


def check_run(recipe: Recipe) -> list[Problem]:
    return list(base_stays_here(recipe))


def check_base(recipe: Recipe, base: Base | str | None) -> list[Problem]:
    return misfits(recipe, resolve(recipe), base)


def check_runs_dir(runs_dir: Path) -> Problem | None:
    return None


def unknown_architecture(recipe: Recipe, base: Identity) -> str | None:
    loader = f"AutoModelForCausalLM of transformers {transformers_version()}"
    return unknown_kind(base, model_types(), loader, trust_remote_code=recipe.trust_remote_code)


def _without_counterpart(recipe: Recipe, params: Mapping[str, object]) -> Iterator[Problem]:
    def unsupported(key: str, message: str, hint: str) -> Problem:
        return problem_at(recipe, f"params.{key}", "unsupported", message, hint)

    if params["unsloth"]:
        yield unsupported("unsloth", "TRL's trainer goes without unsloth", "write false")
    if params["use_flash_attention_2"]:
        what = "flash-attn is not installed in the interpreter that we make; torch's own fused attention is used without it"
        yield unsupported("use_flash_attention_2", what, "write false")
    if params["distributed_backend"] == "deepspeed":
        yield unsupported("distributed_backend", "engine: trl does not split a model yet", "write ddp")
    written = str(params["target_modules"] or "")
    if params["peft"] and HEAD in written.split(","):
        what = f"TRL computes the loss from {HEAD} itself, and would never train an adapter on it"
        yield unsupported("target_modules", what, f"leave {HEAD} out")
