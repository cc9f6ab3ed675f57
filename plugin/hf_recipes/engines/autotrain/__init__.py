"""The engine that trains with AutoTrain 0.8.36."""

from hf_recipes.engines.autotrain.check import cannot_run, check
from hf_recipes.engines.autotrain.check_base import check_base, unusable
from hf_recipes.engines.autotrain.export import export, export_needs_data
from hf_recipes.engines.autotrain.places import unusable_runs_dir
from hf_recipes.engines.autotrain.resolve import resolve, sources
from hf_recipes.engines.autotrain.translate import translate

__all__ = [
    "cannot_run",
    "check",
    "check_base",
    "export",
    "export_needs_data",
    "resolve",
    "sources",
    "translate",
    "unusable",
    "unusable_runs_dir",
]
