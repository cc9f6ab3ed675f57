"""Side by side with AutoTrain itself: the same parameters, the same launch lines, for every task."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hf_recipes.api.recipes import load_recipe
from hf_recipes.engines import autotrain
from hf_recipes.engines.autotrain.launch import launch
from hf_recipes.engines.autotrain.table import tasks

VARIABLES = {"HF_TOKEN": "not-a-real-token", "HF_USERNAME": "somebody"}
Answers = dict[Path, dict[str, Any]]


def test_every_task_has_a_config(configs: list[Path]) -> None:
    assert {load_recipe(path, environ={**os.environ, **VARIABLES}).task for path in configs} == set(tasks())


def test_parameters_are_those_of_autotrain(autotrain_says: Answers) -> None:
    for path, answer in autotrain_says.items():
        theirs = dict(answer["params"])
        ours = autotrain.resolve(load_recipe(path, environ={**os.environ, **VARIABLES}))
        if theirs["token"] is not None:
            theirs["token"] = "*****"
        assert ours == theirs, path.name
        assert {name: type(value) for name, value in ours.items()} == {
            name: type(value) for name, value in theirs.items()
        }, path.name


def test_launch_lines_are_those_of_autotrain(autotrain_says: Answers) -> None:
    for path, answer in autotrain_says.items():
        recipe = load_recipe(path, environ={**os.environ, **VARIABLES})
        params = autotrain.resolve(recipe)
        for gpus, argv in answer["launch"].items():
            assert list(launch(recipe.task, params, int(gpus))) == as_modules(argv), (path.name, gpus)


def as_modules(argv: list[str]) -> list[str]:
    """AutoTrain's line as it must read where no environment is activated."""
    if argv[0] == "python":
        return ["{python}", *argv[1:]]
    assert argv[:2] == ["accelerate", "launch"]
    return ["{python}", "-m", "accelerate.commands.launch", *argv[2:]]
