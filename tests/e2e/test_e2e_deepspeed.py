"""DeepSpeed as AutoTrain starts it, in the environment that a run gets: two processes share a tiny model on the CPU, and all of it is written."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from hf_recipes import environments
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.engines.jobs import translate
from hf_recipes.record.create import plain, write_files
from hf_recipes.record.job import Job

pytestmark = pytest.mark.e2e

TWO_GPUS = Machine(cores=2, memory=8 << 30, gpus=(Gpu("NVIDIA L4", 24 << 30),) * 2)
TINY_BASE = Path(__file__).resolve().parents[1] / "engines" / "tiny_base.py"
RECIPE = """\
task: llm-sft
base_model: {base}
project_name: tiny
log: none
backend: local
data:
  path: rows
  train_split: train
  chat_template: tokenizer
  column_mapping: {{text_column: text}}
params:
  distributed_backend: deepspeed
  peft: {peft}
  quantization: null
  disable_gradient_checkpointing: true
  epochs: 2
  batch_size: 2
  block_size: 32
  lr: 0.01
"""
ROWS = 64


@pytest.fixture(scope="module")
def python() -> Path:
    return environments.ensure("autotrain-deepspeed", say=print)


@pytest.fixture(scope="module")
def base(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "tiny"
    subprocess.run([str(python), str(TINY_BASE), str(folder), "7"], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("peft", [False, True], ids=["whole", "lora"])
def test_two_processes_share_a_model_and_all_of_it_is_written(
    peft: bool, python: Path, base: Path, tmp_path: Path
) -> None:
    job = job_of(tmp_path, base, peft)
    log = train(job, python, tmp_path)
    assert "train_loss" in log, log[-2000:]
    # Raises where the weights are not whole, finite, loadable and other than the base's.
    verify(job, base, tmp_path)


def test_a_part_of_the_weights_is_refused(python: Path, base: Path, tmp_path: Path) -> None:
    """What ZeRO-3 leaves when nothing gathers it: tensors of no size under the right names."""
    job = job_of(tmp_path, base, peft=False)
    written = tmp_path / "work" / "tiny"
    empty = (
        "import sys; from pathlib import Path; from shutil import copytree; from safetensors.torch import load_file, save_file\n"
        "copytree(sys.argv[1], sys.argv[2]); path = Path(sys.argv[2]) / 'model.safetensors'\n"
        "save_file({name: tensor.new_empty(0) for name, tensor in load_file(path).items()}, path, {'format': 'pt'})"
    )
    subprocess.run([str(python), "-c", empty, str(base), str(written)], check=True)
    with pytest.raises(AssertionError, match="do not load"):
        verify(job, base, tmp_path)


def job_of(run: Path, base: Path, peft: bool) -> Job:
    (run / "rows").mkdir()
    talks = [
        [
            {"role": "user", "content": f"say {number}"},
            {"role": "assistant", "content": f"it is {number * 7 % 100}"},
        ]
        for number in range(ROWS)
    ]
    (run / "rows" / "train.jsonl").write_text("".join(json.dumps({"text": talk}) + "\n" for talk in talks))
    recipe = run / "recipe.yml"
    recipe.write_text(RECIPE.format(base=base, peft=str(peft).lower()))
    job = translate(load_recipe(recipe), TWO_GPUS)
    (run / "work").mkdir()
    (run / "work" / "prepared.json").write_text(json.dumps({"base_model": str(base)}))
    (run / "job.json").write_text(json.dumps(plain(job)))
    return job


def train(job: Job, python: Path, run: Path) -> str:
    """The train step as the runner starts it. Only this differs from two GPUs: the number of processes is told, where accelerate
    counts GPUs, and nobody insists on one."""
    work = run / "work"
    params = {**job.params, **{name: override.value for name, override in job.overrides.items()}}
    params |= {"data_path": str(run / "rows"), "token": None}
    (work / "tiny").mkdir()
    (work / "tiny" / "training_params.json").write_text(json.dumps(params))
    write_files(run, job.files)
    (step,) = (step for step in job.steps if step.name == "train")
    assert step.requirements == "autotrain-deepspeed"
    argv = [part.format(python=python, run=run) for part in step.argv]
    argv = [part.removeprefix("on_gpu,") for part in argv]
    argv[3:3] = ["--num_processes", "2", "--main_process_port", str(free_port())]
    environment = {
        **os.environ,
        **{name: value.format(run=run) for name, value in step.env.items()},
        "OMP_NUM_THREADS": "1",
        "DS_ACCELERATOR": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        argv,
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def verify(job: Job, base: Path, run: Path) -> None:
    """Our verify step, in its own interpreter."""
    (step,) = (step for step in job.steps if step.name == "verify")
    python = environments.ensure(step.requirements, say=print)
    argv = [part.format(python=python, run=run) for part in step.argv]
    environment = {**os.environ, "PYTHONPATH": str(environments.package_path())}
    done = subprocess.run(argv, cwd=run, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
