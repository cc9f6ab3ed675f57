"""TRL trains: a model of a few thousand weights, through a run as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import environments
from hf_recipes.engines.trl.tokens import PACKED_AT_ONCE, bins

pytestmark = pytest.mark.training
HERE = Path(__file__).resolve().parent
COMMAND = (str(Path(sys.executable).with_name("hf-recipes")),)
RECIPE = """\
task: llm-sft
engine: trl
base_model: base
project_name: numbers
backend: local
data:
  path: rows
  train_split: train
  test_split: test
{data}
params: {params}
"""
EVALUATE = "evaluate: {metrics: [exact_match], baselines: [zero-shot], max_new_tokens: 8}\n"
CHAT = """\
  messages:
    - {role: user, content: "say {n}"}
    - {role: assistant, content: "it is {n}"}"""


@pytest.fixture(scope="module")
def trl_python() -> Path:
    return environments.ensure("trl", say=print)


@pytest.fixture(scope="module")
def base(trl_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    command = [str(trl_python), str(HERE / "tiny_base.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture
def run(tmp_path: Path, base: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    def go(params: str, data: str = CHAT, evaluate: str = "") -> tuple[Path, dict[str, Any]]:
        (tmp_path / "base").symlink_to(base)
        (tmp_path / "rows").mkdir()
        for split, numbers in (("train", range(60)), ("validation", range(60, 70)), ("test", range(70, 80))):
            lines = [json.dumps({"n": number}) + "\n" for number in numbers]
            (tmp_path / "rows" / f"{split}.jsonl").write_text("".join(lines))
        (tmp_path / "recipe.yml").write_text(RECIPE.format(data=data, params=params) + evaluate)
        command = [*COMMAND, "run", "recipe.yml", "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=os.environ)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return Path(found["run_dir"]), found

    return go


def losses(folder: Path, name: str = "loss") -> list[float]:
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [event[name] for event in events if event["stage"] == "train" and name in event]


FAST = "block_size: 32, batch_size: 2, gradient_accumulation: 1, epochs: 4, lr: 0.02, warmup_ratio: 0"


def test_an_adapter_is_trained_verified_measured_and_told_apart_from_its_base(run: Any) -> None:
    folder, found = run(f"{{peft: true, lora_r: 8, lora_dropout: 0.0, {FAST}}}", evaluate=EVALUATE)
    assert found["state"] == "succeeded", (folder / "train.log").read_text()[-3000:]
    assert (folder / "model" / "adapter_model.safetensors").is_file()
    assert not (folder / "model" / "model.safetensors").exists()
    seen = losses(folder)
    assert len(seen) > 20 and sum(seen[-5:]) < sum(seen[:5])
    report = json.loads((folder / "report" / "report.json").read_text())
    assert report["training"]["updates"] == report["training"]["logged"] and report["training"]["seconds"] > 0
    prepared = json.loads((folder / "work" / "prepared.json").read_text())
    assert report["training"]["updates"] == 4 * -(-prepared["tokens"]["blocks"] // 2)
    assert 0.2 < prepared["tokens"]["trained_share"] < 0.9


def test_all_weights_are_trained_with_validation_and_the_best_are_kept(run: Any) -> None:
    folder, found = run(
        f"{{{FAST.replace('epochs: 4', 'epochs: 12')}}}", f"  valid_split: validation\n{CHAT}"
    )
    assert found["state"] == "succeeded", (folder / "train.log").read_text()[-3000:]
    config = json.loads((folder / "model" / "config.json").read_text())
    assert config.get("use_cache", True), "off while training alone"
    measured = losses(folder, "eval_loss")
    assert len(measured) == 12
    seen = losses(folder)
    assert seen[-1] < 0.5 * seen[0]
    states = list((folder / "work" / "checkpoints").glob("checkpoint-*/trainer_state.json"))
    best = {json.loads(state.read_text())["best_metric"] for state in states}
    assert min(measured) == pytest.approx(best.pop(), abs=1e-4)


def test_a_merged_adapter_is_a_whole_model(run: Any) -> None:
    folder, found = run(f"{{peft: true, merge_adapter: true, {FAST.replace('epochs: 4', 'epochs: 2')}}}")
    assert found["state"] == "succeeded", (folder / "train.log").read_text()[-3000:]
    assert (folder / "model" / "model.safetensors").is_file()
    assert not (folder / "model" / "adapter_model.safetensors").exists()


def test_two_runs_with_one_seed_are_one_run(run: Any, tmp_path: Path) -> None:
    params = f"{{peft: true, {FAST.replace('epochs: 4', 'epochs: 2')}}}"
    first, _ = run(params)
    done = subprocess.run(
        [*COMMAND, "run", "recipe.yml", "--json"], cwd=tmp_path, capture_output=True, text=True
    )
    again = Path(json.loads(done.stdout)["run_dir"])
    assert losses(first) == losses(again)
    weights = "model/adapter_model.safetensors"
    assert (first / weights).read_bytes() == (again / weights).read_bytes()


def test_blocks_are_counted_as_trl_packs_them(trl_python: Path) -> None:
    done = subprocess.run(
        [str(trl_python), str(HERE / "trl_side.py"), "bins"], capture_output=True, text=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    lengths = found["lengths"]
    starts = range(0, len(lengths), PACKED_AT_ONCE)
    assert found["blocks"] == sum(bins(lengths[start : start + PACKED_AT_ONCE], 64) for start in starts)


def test_rows_are_packed_only_where_the_model_keeps_them_apart(trl_python: Path) -> None:
    package = str(HERE.parents[1] / "plugin")
    command = [str(trl_python), str(HERE / "trl_side.py"), "apart"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": package})
    assert done.stdout, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"llama": True, "mamba": False, "granite 4": False}
