"""The engine that trains with AutoTrain 0.8.36."""

from typing import TYPE_CHECKING

from hf_recipes.engines.autotrain import table
from hf_recipes.engines.autotrain.architectures import unknown_architecture
from hf_recipes.engines.autotrain.check import check_recipe, check_run
from hf_recipes.engines.autotrain.check_base import check_base
from hf_recipes.engines.autotrain.export import export, export_needs_data
from hf_recipes.engines.autotrain.places import check_runs_dir
from hf_recipes.engines.autotrain.resolve import resolve, sources
from hf_recipes.engines.autotrain.schema import schema
from hf_recipes.engines.autotrain.train import resolve_settings, train
from hf_recipes.engines.shared_facts import training_facts

if TYPE_CHECKING:
    from hf_recipes.engines.preparation import Preparation

name = "autotrain"
title = "AutoTrain"
version = table.version()
gives_endpoint = False
export_command = "autotrain --config config.yml"
length_parameters: tuple[str, ...] = (
    "block_size",
    "model_max_length",
    "max_seq_length",
    "max_target_length",
    "padding",
)


def preparation() -> "Preparation":
    from hf_recipes.engines.autotrain import trainer_files

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
    "resolve",
    "resolve_settings",
    "schema",
    "sources",
    "title",
    "train",
    "training_facts",
    "unknown_architecture",
    "version",
]
