"""A base with more rows than its tokenizer has tokens, as Qwen's are, keeps them: its adapter is an adapter and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.autotrain.shims import start
from hf_recipes.engines.jobs import translate
from hf_recipes.record.create import write_files
from hf_recipes.runner.weights import tensors

TINY_BASE = Path(__file__).with_name("tiny_base.py")
SPARE = 7
RECIPE = """\
task: llm-sft
base_model: {base}
project_name: tiny
log: none
backend: local
data: {{path: rows, train_split: train, chat_template: tokenizer, column_mapping: {{text_column: text}}}}
params: {{peft: true, merge_adapter: {merge}, quantization: null, epochs: 1, batch_size: 4, block_size: 32, lr: 0.01}}
"""
RESIZE = """\
import json, sys
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
heights = []
for size in map(int, sys.argv[2:]):
    model.resize_token_embeddings(size)
    heights.append([len(model.get_input_embeddings().weight), len(model.lm_head.weight), model.config.vocab_size])
print(json.dumps(heights))
"""


@pytest.fixture(scope="module")
def base(autotrain_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    subprocess.run([str(autotrain_python), str(TINY_BASE), str(folder), str(SPARE)], check=True)
    return folder


def test_an_embedding_grows_and_never_shrinks(autotrain_python: Path, base: Path, tmp_path: Path) -> None:
    height = json.loads((base / "config.json").read_text())["vocab_size"]
    script = tmp_path / "resize.py"
    script.write_text(RESIZE)
    sizes = [height - SPARE, height, height + 2]
    command = [autotrain_python, start.__file__, "vocabulary", script, base, *sizes]
    environment = {**os.environ, "HF_RECIPES_VOCABULARY": "whole"}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [[height] * 3, [height] * 3, [height + 2] * 3]


@pytest.mark.training
def test_an_adapter_brings_no_embedding(autotrain_python: Path, base: Path, tmp_path: Path) -> None:
    trained = train(autotrain_python, base, tmp_path, merge=False)
    names = tensors(trained / "adapter_model.safetensors")
    assert len(names) == 14 and all("lora_" in name for name in names)


@pytest.mark.training
def test_a_merged_model_has_the_rows_of_its_base(autotrain_python: Path, base: Path, tmp_path: Path) -> None:
    trained = train(autotrain_python, base, tmp_path, merge=True)
    assert not (trained / "adapter_model.safetensors").exists()
    before, after = (tensors(folder / "model.safetensors") for folder in (base, trained))
    name = "model.embed_tokens.weight"
    assert after[name]["shape"] == before[name]["shape"]


def train(python: Path, base: Path, run: Path, *, merge: bool) -> Path:
    """The train step as the runner starts it; the folder that it wrote."""
    (run / "rows").mkdir()
    talks = [
        [{"role": "user", "content": f"say {n}"}, {"role": "assistant", "content": f"it is {n}"}]
        for n in range(64)
    ]
    (run / "rows" / "train.jsonl").write_text("".join(json.dumps({"text": talk}) + "\n" for talk in talks))
    recipe = run / "recipe.yml"
    recipe.write_text(RECIPE.format(base=base, merge=str(merge).lower()))
    job = translate(load_recipe(recipe), Machine(cores=2, memory=8 << 30))
    params = {**job.params, **{name: override.value for name, override in job.overrides.items()}}
    params |= {"data_path": str(run / "rows"), "token": None}
    trained = run / "work" / "tiny"
    trained.mkdir(parents=True)
    (trained / "training_params.json").write_text(json.dumps(params))
    write_files(run, job.files)
    (step,) = (step for step in job.steps if step.name == "train")
    argv = [part.format(python=python, run=run) for part in step.argv]
    environment = {**os.environ, **{name: value.format(run=run) for name, value in step.env.items()}}
    done = subprocess.run(
        argv, cwd=run / "work", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0 and "train_loss" in done.stdout, done.stdout[-2000:]
    return trained
