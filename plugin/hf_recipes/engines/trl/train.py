"""Recipe → how the trainer is started. Pure: nothing is read, nothing is started."""

from __future__ import annotations

from hf_recipes.catalog.machine import Machine
from hf_recipes.catalog.openmp import WAITING
from hf_recipes.engines.engine import TrainerSettings, Training
from hf_recipes.recipe.model import Recipe
from hf_recipes.record.job import Step

PROGRAM = ("-m", "hf_recipes.engines.trl.training.fit", "{run}")


def train(recipe: Recipe, settings: TrainerSettings, machine: Machine) -> Training:
    environment = {
        "OMP_NUM_THREADS": str(settings.settled["OMP_NUM_THREADS"]),
        "HF_DATASETS_CACHE": "{run}/work/.datasets",
        **WAITING,
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return Training(Step("train", "train", "trl", _argv(len(machine.gpus)), environment))


def _argv(gpus: int) -> tuple[str, ...]:
    """One process for each GPU."""
    if gpus < 2:
        return ("{python}", *PROGRAM)
    launcher = ("{python}", "-m", "accelerate.commands.launch", "--multi_gpu", "--num_machines", "1")
    return (*launcher, "--num_processes", str(gpus), *PROGRAM)
