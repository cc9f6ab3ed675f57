"""The engine that trains with TRL 1.16: today's models, and a loss that counts what the model is to say."""

from typing import TYPE_CHECKING

from hf_recipes.engines.shared_facts import training_facts
from hf_recipes.engines.trl.check import (
    check_base,
    check_recipe,
    check_run,
    check_runs_dir,
    unknown_architecture,
)
from hf_recipes.engines.trl.export import export, export_needs_data
from hf_recipes.engines.trl.parameters import trl_version
from hf_recipes.engines.trl.schema import schema
from hf_recipes.engines.trl.settings import resolve_settings, sources
from hf_recipes.engines.trl.train import train

if TYPE_CHECKING:
    from hf_recipes.engines.preparation import Preparation

name = "trl"
title = "TRL"
version = trl_version()
gives_endpoint = False
export_command = "trl sft --config config.yml"
length_parameters: tuple[str, ...] = (
    "block_size",
    "model_max_length",
    "train_on",
    "packing",
    "add_eos_token",
)


def preparation() -> "Preparation":
    from hf_recipes.engines.trl import trainer_files

    return trainer_files


__all__ = [
    "check_base",
    "check_recipe",
    "check_run",
    "check_runs_dir",
    "export",
    "export_command",
    "export_needs_data",
    "gives_endpoint",
    "length_parameters",
    "name",
    "preparation",
    "resolve_settings",
    "schema",
    "sources",
    "title",
    "train",
    "training_facts",
    "unknown_architecture",
    "version",
]
