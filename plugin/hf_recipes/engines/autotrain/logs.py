"""`log:`: which of AutoTrain's values work in the interpreter that trains, and what each needs to be let in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.recipe import Problem, Recipe, problem_at

OWN_PYTHON = "HF_RECIPES_AUTOTRAIN_PYTHON"
"""A person's own interpreter, which may hold more than the one that we make."""


@dataclass(frozen=True)
class Logger:
    module: str
    secrets: tuple[str, ...] = ()
    """Variables with what it logs in by."""
    instead: tuple[str, ...] = ()
    """Variables that make a log-in needless, as WANDB_MODE=offline does."""
    kept_in: str = ""
    """The file in a person's home where a log-in is kept."""


LOGGERS = {
    "tensorboard": Logger("tensorboard"),
    "wandb": Logger("wandb", ("WANDB_API_KEY",), ("WANDB_MODE",), ".netrc"),
    "mlflow": Logger("mlflow"),
    "comet_ml": Logger("comet_ml", ("COMET_API_KEY",), ("COMET_MODE", "COMET_START_ONLINE"), ".comet.config"),
    "neptune": Logger("neptune", ("NEPTUNE_API_TOKEN",), ("NEPTUNE_MODE",)),
    "clearml": Logger(
        "clearml",
        ("CLEARML_API_ACCESS_KEY", "CLEARML_API_SECRET_KEY"),
        ("CLEARML_OFFLINE_MODE",),
        "clearml.conf",
    ),
    "azure_ml": Logger("azureml"),
    "codecarbon": Logger("codecarbon"),
    "dagshub": Logger("dagshub"),
    "dvclive": Logger("dvclive"),
    "flyte": Logger("flytekit"),
}
OURS = ("none", "tensorboard", "all")
"""What works in the interpreter that we make: `all` is all that is installed, which is tensorboard."""


def check_log(recipe: Recipe) -> Iterator[Problem]:
    """What would end the trainer, or leave it waiting for a key at a prompt."""
    own = os.environ.get(OWN_PYTHON) if runs_here(recipe.backend) else None
    if not own:
        if recipe.log not in OURS:
            hint = (
                f"write tensorboard or none, or run here with {OWN_PYTHON} set to an interpreter that has it"
            )
            needs = _missing_secrets(recipe.log)
            hint += f", and with {needs} set" if needs else ""
            what = f"{recipe.log} is not installed in the interpreter that we make"
            yield problem_at(recipe, "log", "not-installed", what, hint)
        return
    names = list(LOGGERS) if recipe.log == "all" else [recipe.log]
    for name in names:
        logger = LOGGERS.get(name)
        there = _has(own, logger.module) if logger else None
        if there is False and recipe.log != "all":
            what = f"{name} is not installed in the interpreter that {OWN_PYTHON} names"
            yield problem_at(recipe, "log", "not-installed", what, "install it there, or write none")
        elif there and (needs := _missing_secrets(name)):
            what = f"{name} logs in by {needs}, which is not set, and a run cannot ask for it"
            yield problem_at(recipe, "log", "unset-variable", what, f"export {needs}=…, or write none")


def log_secrets(recipe: Recipe) -> tuple[str, ...]:
    """The variables that a logger reads: their values are kept out of the run's log."""
    names = LOGGERS if recipe.log == "all" else {recipe.log}
    return tuple(secret for name in names if name in LOGGERS for secret in LOGGERS[name].secrets)


def _missing_secrets(name: str) -> str:
    """The variable that a logger would ask for; empty where it is let in already, or needs nothing."""
    logger = LOGGERS.get(name)
    if logger is None or any(os.environ.get(variable) for variable in logger.instead):
        return ""
    if logger.kept_in and (Path.home() / logger.kept_in).is_file():
        return ""
    return next((secret for secret in logger.secrets if not os.environ.get(secret)), "")


def _has(python: str, module: str) -> bool | None:
    """Whether an interpreter has a package; None where it cannot be asked, which is said when it is to train."""
    program = shutil.which(os.path.expanduser(python))  # noqa: PTH111  (a bare name is looked up on the PATH)
    if program is None:
        return None
    ask = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    try:
        done = subprocess.run([program, "-c", ask, module], capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return {0: True, 1: False}.get(done.returncode)
