"""The same recipe through AutoTrain's own SpaceRunner and through us: same task, same parameters, same data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import environments
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.engines import autotrain
from hf_recipes.engines.autotrain import table
from hf_recipes.engines.jobs import translate

SIDE = Path(__file__).with_name("spacerunner_side.py")
HEAD = """\
base_model: ada/base
project_name: {name}
log: none
backend: spaces-t4-small
hub: {{username: ada, token: "${{HF_TOKEN}}", push_to_hub: true}}
data:
  path: ada/rows
  train_split: train
  valid_split: {valid}
"""
RECIPES = {
    "sft": "task: llm-sft\n" + HEAD.format(name="sft", valid="null")
    + "  chat_template: null\n  column_mapping: {text_column: text}\nparams: {lr: 2e-4, epochs: 2, peft: true, block_size: 128}\n",
    "classes": "task: text-classification\n" + HEAD.format(name="classes", valid="test")
    + "  column_mapping: {text_column: text, target_column: label}\nparams: {batch_size: 4, mixed_precision: fp16}\n",
    "pairs": "task: st:pair\n" + HEAD.format(name="pairs", valid="null")
    + "  column_mapping: {sentence1_column: a, sentence2_column: b}\n",
    "seq": "task: seq2seq\n" + HEAD.format(name="seq", valid="null")
    + "  column_mapping: {text_column: text, target_column: target}\nparams: {max_seq_length: 64}\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def autotrain_python() -> Path:
    return environments.ensure("autotrain", say=lambda text: print(text, file=sys.stderr))


@pytest.mark.parametrize("name", RECIPES)
def test_spacerunner_would_be_given_the_same(
    name: str, autotrain_python: Path, logged_in: Any, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yml"
    path.write_text(RECIPES[name])
    recipe = load_recipe(path)
    here = Machine(cores=2, memory=8 << 30, gpus=(Gpu("T4", 16 << 30),))
    job = translate(recipe, here)
    config = tmp_path / "config.yml"
    config.write_text(autotrain.export(recipe, here, base_model=recipe.base_model)["config.yml"])
    logged_in.builds_hang = True
    out = tmp_path / "out.json"
    done = subprocess.run(
        [str(autotrain_python), str(SIDE), str(config), str(out)],
        env=dict(os.environ), capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(out.read_text())
    given = {key: each["value"] for key, each in logged_in.space(answer["space"]).secrets.items()}

    assert given["TASK_ID"] == str(answer["task_id"]) and table.class_of(job.task) == answer["class"]
    assert given["MODEL"] == job.base_model and given["DATA_PATH"] == job.params["data_path"]
    assert given["PROJECT_NAME"] == job.project_name and given["AUTOTRAIN_USERNAME"] == "ada"
    theirs, ours = json.loads(given["PARAMS"]), json.loads(json.dumps(dict(job.params)))
    # AutoTrain's token stands in clear text in PARAMS; ours is a mask, and a secret of the Space alone.
    assert theirs.pop("token") == logged_in.token and ours.pop("token") != logged_in.token
    assert ours == theirs
    changed = {key for key in job.overrides if not key.isupper()}
    assert changed <= {
        "token",
        "push_to_hub",
        "logging_steps",
        "disable_gradient_checkpointing",
        "quantization",
    }
    assert logged_in.space(answer["space"]).sleep_time == 604800, "the week that ours need not wait"
