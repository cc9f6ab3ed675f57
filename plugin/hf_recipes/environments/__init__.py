"""Pinned requirement sets, each made into an isolated interpreter by uv on first use."""

from hf_recipes.environments.failed import EnvironmentFailed
from hf_recipes.environments.gpu import unusable
from hf_recipes.environments.make import delete_environment, ensure, folder, ready
from hf_recipes.environments.places import cache_dir, package_path
from hf_recipes.environments.sets import set_names
from hf_recipes.environments.uv_process import find_uv, run_uv, uv_environment

__all__ = [
    "EnvironmentFailed",
    "cache_dir",
    "delete_environment",
    "ensure",
    "find_uv",
    "folder",
    "package_path",
    "ready",
    "run_uv",
    "set_names",
    "unusable",
    "uv_environment",
]
