"""AutoTrain's LLM trainers with a validation split, through our script: by themselves they crash."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.jobs import translate
from hf_recipes.record.create import write_files

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def base(autotrain_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    script = Path(__file__).with_name("tiny_base.py")
    subprocess.run([str(autotrain_python), str(script), str(folder)], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("task", "peft", "weights"),
    [("llm-sft", True, "adapter_model.safetensors"), ("llm-orpo", False, "model.safetensors")],
)
def test_validation_rows_are_measured_and_the_best_weights_kept(
    task: str, peft: bool, weights: str, base: Path, autotrain_python: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path, task, base, peft)
    job = translate(load_recipe(recipe), Machine(cores=2, memory=8 * 1024**3))
    log = run_train_step(asdict(job), autotrain_python, tmp_path)
    losses = [float(loss) for loss in re.findall(r"'eval_loss': ([\d.]+)", log)]
    assert len(set(losses)) >= 2, log[-2000:]
    assert (tmp_path / "work" / "tiny" / weights).stat().st_size > 0, log[-2000:]
    work = tmp_path / "work"
    state = json.loads(next((work / "tiny").glob("checkpoint-*/trainer_state.json")).read_text())
    assert min(losses) == pytest.approx(state["best_metric"], abs=1e-3)
    best = work / state["best_model_checkpoint"] / weights
    assert best.read_bytes() == (work / "tiny" / weights).read_bytes()


def write_recipe(folder: Path, task: str, base: Path, peft: bool) -> Path:
    chat = task == "llm-sft"
    (folder / "rows").mkdir()
    for split, rows in (("train", 48), ("validation", 16)):
        lines = [json.dumps(row(number, chat)) + "\n" for number in range(rows)]
        (folder / "rows" / f"{split}.jsonl").write_text("".join(lines))
    columns = (
        "{text_column: text}"
        if chat
        else "{prompt_text_column: ask, text_column: good, rejected_text_column: bad}"
    )
    recipe = folder / "recipe.yml"
    recipe.write_text(
        f"task: {task}\nbase_model: {base}\nproject_name: tiny\nlog: none\nbackend: local\n"
        f"data: {{path: rows, train_split: train, valid_split: validation, chat_template: tokenizer, column_mapping: {columns}}}\n"
        f"params: {{peft: {str(peft).lower()}, epochs: 2, batch_size: 8, block_size: 32, gradient_accumulation: 1,"
        " lr: 0.01, max_prompt_length: 16}\n"
    )
    return recipe


def row(number: int, chat: bool) -> dict[str, object]:
    def talk(answer: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"say {number}"}, {"role": "assistant", "content": answer}]

    if chat:
        return {"text": talk(f"it is {number}")}
    return {"ask": f"say {number}", "good": talk(f"it is {number}"), "bad": talk("not")}


def run_train_step(job: dict[str, object], python: Path, run: Path) -> str:
    """The train step as the runner starts it, on the rows as they are: what `prepare` writes is its own room's test."""
    work = run / "work"
    steps, files, params, overrides = job["steps"], job["files"], job["params"], job["overrides"]
    assert isinstance(steps, tuple) and isinstance(files, dict)
    assert isinstance(params, dict) and isinstance(overrides, dict)
    settled = {**params, **{name: override["value"] for name, override in overrides.items()}}
    settled |= {
        "data_path": str(run / "rows"),
        "train_split": "train",
        "valid_split": "validation",
        "token": None,
    }
    (work / "tiny").mkdir(parents=True)
    (work / "tiny" / "training_params.json").write_text(json.dumps(settled))
    write_files(run, files)
    step = next(step for step in steps if step["name"] == "train")
    argv = [part.format(python=python, run=run) for part in step["argv"]]
    env = {**os.environ, **{name: value.format(run=run) for name, value in step["env"].items()}}
    done = subprocess.run(
        argv, cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout
