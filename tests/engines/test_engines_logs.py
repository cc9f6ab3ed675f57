"""Each value of `log:` works, or is a problem at its place before anything runs or is rented."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes.api import lifecycle
from hf_recipes.api.checked import check_recipes
from hf_recipes.api.recipes import load_recipe
from hf_recipes.api.validate import problems
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.autotrain.logs import LOGGERS, OURS
from hf_recipes.engines.autotrain.table import choices
from hf_recipes.engines.jobs import translate
from hf_recipes.recipe import RecipeError
from hf_recipes.record.create import write_files

TINY_BASE = Path(__file__).with_name("tiny_base.py")
HERE = Machine(cores=2, memory=8 << 30)
RECIPE = """\
task: llm-sft
base_model: {base}
project_name: tiny
log: {log}
backend: {backend}
data: {{path: rows, train_split: train, chat_template: tokenizer, column_mapping: {{text_column: text}}}}
params: {{peft: true, quantization: null, epochs: 1, batch_size: 4, block_size: 32, lr: 0.01, logging_steps: 1}}
"""


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever runs the tests may be logged in."""
    for logger in LOGGERS.values():
        for name in (*logger.secrets, *logger.instead):
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("HF_RECIPES_AUTOTRAIN_PYTHON", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def write(folder: Path, log: str, *, backend: str = "local", base: str = "some/model") -> Path:
    file = folder / "recipe.yml"
    file.write_text(RECIPE.format(base=base, log=log, backend=backend))
    return file


def told(file: Path) -> list[str]:
    return [
        f"{one.line}:{one.column}:{one.code}: {one.message}; {one.hint}"
        for one in problems(file, here=lambda: HERE)
    ]


def test_every_value_that_autotrain_knows_is_known_here() -> None:
    assert {*LOGGERS, "none", "all"} == set(choices("logs"))


@pytest.mark.parametrize("backend", ["local", "jobs-t4-small", "spaces-t4-small"])
def test_what_our_interpreter_has_not_is_refused_by_validate_plan_and_run(
    tmp_path: Path, backend: str
) -> None:
    for log in choices("logs"):
        file = write(tmp_path, log, backend=backend)
        if log in OURS:
            assert told(file) == []
            continue
        (one,) = told(file)
        assert one.startswith(
            f"4:1:not-installed: log: {log} is not installed in the interpreter that we make"
        )
        assert "write tensorboard or none" in one
        with pytest.raises(RecipeError, match="is not installed"):
            lifecycle.plan(load_recipe(file), say=print)
        with pytest.raises(RecipeError, match="is not installed"):
            lifecycle.create_run(*check_recipes([load_recipe(file)], to_run=True), runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def interpreter(folder: Path, *packages: str) -> Path:
    """Ours, with empty packages beside what it has."""
    for name in packages:
        (folder / "more" / name).mkdir(parents=True)
        (folder / "more" / name / "__init__.py").touch()
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={folder / "more"} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


def test_a_persons_own_interpreter_is_asked_and_a_missing_key_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "wandb")
    monkeypatch.setenv("HF_RECIPES_AUTOTRAIN_PYTHON", str(interpreter(tmp_path)))
    (one,) = told(file)
    assert one.startswith("4:1:not-installed") and "HF_RECIPES_AUTOTRAIN_PYTHON names" in one
    monkeypatch.setenv("HF_RECIPES_AUTOTRAIN_PYTHON", str(interpreter(tmp_path, "wandb", "mlflow")))
    (one,) = told(file)
    assert one.startswith("4:1:unset-variable: log: wandb logs in by WANDB_API_KEY, which is not set")
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert told(file) == []
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "not-a-real-key")
    assert told(file) == []
    assert "WANDB_API_KEY" in translate(load_recipe(file), HERE).secrets, "kept out of the run's log"
    assert told(write(tmp_path, "mlflow")) == []
    (one,) = told(write(tmp_path, "wandb", backend="jobs-t4-small"))
    assert "not-installed" in one, "a container has not got it"


@pytest.mark.training
@pytest.mark.parametrize("log", ["tensorboard", "all"])
def test_what_is_no_problem_works(autotrain_python: Path, tmp_path: Path, log: str) -> None:
    base, rows, trained = tmp_path / "tiny-base", tmp_path / "rows", tmp_path / "work" / "tiny"
    subprocess.run([str(autotrain_python), str(TINY_BASE), str(base)], check=True)
    rows.mkdir()
    talk = [{"role": "user", "content": "say 1"}, {"role": "assistant", "content": "it is 1"}]
    (rows / "train.jsonl").write_text((json.dumps({"text": talk}) + "\n") * 32)
    job = translate(load_recipe(write(tmp_path, log, base=str(base))), HERE)
    params = {**job.params, **{name: override.value for name, override in job.overrides.items()}}
    trained.mkdir(parents=True)
    (trained / "training_params.json").write_text(
        json.dumps({**params, "data_path": str(rows), "token": None})
    )
    write_files(tmp_path, job.files)
    (step,) = (step for step in job.steps if step.name == "train")
    done = subprocess.run(
        [part.format(python=autotrain_python, run=tmp_path) for part in step.argv],
        cwd=tmp_path / "work",
        env={**os.environ, **{name: value.format(run=tmp_path) for name, value in step.env.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0 and "train_loss" in done.stdout, done.stdout[-2000:]
    assert list(trained.glob("runs/*/events.out.tfevents.*"))
