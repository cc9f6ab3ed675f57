"""What is decided for a GPU that is not here: enough memory, weights that fit beside each other, a GPU that is used at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.api import lifecycle
from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.api.hardware_offers import offers
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.hardware import FLAVORS, machine_for
from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.engines import autotrain
from hf_recipes.engines.autotrain.shims import on_gpu, start
from hf_recipes.engines.jobs import translate
from hf_recipes.engines.shared_facts import training_facts
from hf_recipes.estimates import training
from hf_recipes.estimates.model_size import Base, read_base
from hf_recipes.recipe.model import Recipe

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "recipes" / "text-to-sql" / "recipe.yml"
GIB = 1024**3
LAPTOP = Machine(cores=2, memory=8 * GIB)
SEVEN = Base(7_615_616_512, "published", 11_468_800, 28, 3584, 18944, 28, 152_064, 2 * 152_064 * 3584)
"""Qwen2.5-7B."""


def shipped(*settings: str) -> Recipe:
    return load_recipe(SHIPPED, settings=settings)


def settled(recipe: Recipe, base: Base = SEVEN) -> dict[str, object]:
    job = translate(recipe, LAPTOP, base)
    return {**job.params, **{name: override.value for name, override in job.overrides.items()}}


def test_what_a_layer_keeps_is_estimated_as_torch_counts_it(autotrain_python: Path) -> None:
    done = subprocess.run(
        [str(autotrain_python), str(HERE / "kept_side.py")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counted: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    base = replace(SEVEN, hidden=256, intermediate=1344, heads=4, vocabulary=96)
    for name, found in counted.items():
        precision, _, what = name.partition(" ")
        params = {
            "block_size": 100,
            "batch_size": 3,
            "mixed_precision": "bf16" if precision == "bf16" else None,
            "peft": what != "whole",
            "lora_dropout": 0.05 if "dropout" in what else 0.0,
            "quantization": "int4" if "int4" in what else None,
        }
        both = [
            training.activations(replace(base, layers=layers), training_facts(params)) or 0
            for layers in (4, 2)
        ]
        assert 0.98 < (both[0] - both[1]) / 2 / found < 1.1, (name, both, found)
    assert len(counted) == 8


def test_checkpointing_stays_on_where_a_7b_model_would_not_fit_without() -> None:
    """Counted: without it text-to-sql keeps 30 GB of activations, and its A10G has 24."""
    recipe = shipped()
    assert "disable_gradient_checkpointing" not in translate(recipe, LAPTOP, SEVEN).overrides
    with_it = training.memory(SEVEN, training_facts(settled(recipe)))
    without = training.memory(SEVEN, replace(training_facts(settled(recipe)), checkpointing=False))
    assert with_it and with_it.total and without and without.activations
    assert with_it.total < 16 * GIB and without.activations > 30e9
    large = translate(shipped("backend=spaces-a100-large"), LAPTOP, SEVEN)
    assert large.overrides["disable_gradient_checkpointing"].value is True


def test_what_is_not_quantized_counts_with_its_own_width() -> None:
    """Embedding and output layer: 16 bits where trl makes them so, else float32."""
    recipe = shipped()
    embedding = SEVEN.embedding or 0
    widths = {}
    for precision in ("bf16", "fp16"):
        found = training.memory(SEVEN, training_facts({**settled(recipe), "mixed_precision": precision}))
        assert found is not None
        widths[precision] = found.weights
    assert widths["fp16"] - widths["bf16"] == 2 * embedding


def test_weights_that_train_in_4_bits_and_do_not_answer_in_16_do_not_fit() -> None:
    fourteen = replace(SEVEN, parameters=14_770_033_664, layers=48, hidden=5120, intermediate=13824)
    found = {one.hardware: one for one in offers(shipped(), LAPTOP, fourteen, 3_000_000)}
    assert "an estimated 28" in found["a10g-large"].why_not and found["l40sx1"].why_not == ""
    asks_nothing = replace(shipped(), evaluate=None)
    found = {one.hardware: one for one in offers(asks_nothing, LAPTOP, fourteen, 3_000_000)}
    assert found["a10g-large"].why_not == ""


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("T4", True),
        ("Tesla T4", True),
        ("Tesla V100-SXM2-16GB", True),
        ("NVIDIA GeForce RTX 2080 Ti", True),
        ("Quadro RTX 6000", True),
        ("NVIDIA GeForce GTX 1660", True),
        ("A10G", False),
        ("NVIDIA L4", False),
        ("NVIDIA GeForce RTX 3090", False),
        ("NVIDIA RTX 4000 SFF Ada Generation", False),
        ("NVIDIA H100 80GB HBM3", False),
    ],
)
def test_bf16_is_refused_where_the_gpu_has_none(name: str, old: bool) -> None:
    machine = Machine(cores=8, memory=64 * GIB, gpus=(Gpu(name, 16 * GIB),))
    problems = autotrain.check_recipe(shipped("backend=local"), machine)
    assert [one.code for one in problems] == ["unsupported"] * old
    assert all("params.mixed_precision" in one.message and "fp16" in str(one.hint) for one in problems)
    assert autotrain.check_recipe(shipped("backend=local", "params.mixed_precision=fp16"), machine) == []


@pytest.mark.parametrize("name", ["use_flash_attention_2", "unsloth"])
def test_what_no_environment_of_ours_holds_is_refused_before_it_costs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = shipped(f"params.{name}=true")
    (problem,) = autotrain.check_run(recipe)
    assert "not installed" in problem.message and "write false" in str(problem.hint)
    monkeypatch.setenv("HF_RECIPES_AUTOTRAIN_PYTHON", "/opt/mine/bin/python")
    assert len(autotrain.check_run(recipe)) == 1, "a container has not got it"
    assert autotrain.check_run(shipped(f"params.{name}=true", "backend=local")) == []


def test_a_trainer_for_a_gpu_does_not_go_on_without_it(autotrain_python: Path, tmp_path: Path) -> None:
    """As where the driver is too old: torch finds no GPU, and the trainers would take the CPU."""
    job = translate(shipped(), LAPTOP, SEVEN)
    (train,) = [step for step in job.steps if step.name == "train"]
    assert train.argv[train.argv.index("{run}/work/shims/start.py") + 1].startswith("on_gpu,seeded,")
    assert "def unusable" in job.files["work/shims/on_gpu.py"]
    done = trained(autotrain_python, tmp_path)
    assert done.returncode == 1 and "trained" not in done.stdout
    assert done.stderr.splitlines()[-1].startswith("RuntimeError: torch cannot use the GPU of this machine: ")
    assert "trained" in trained(autotrain_python, tmp_path, ACCELERATE_USE_CPU="true").stdout
    without = translate(shipped("backend=spaces-cpu-basic"), LAPTOP, SEVEN)
    assert "work/shims/on_gpu.py" not in without.files


def test_a_gpu_that_torch_finds_and_has_no_code_for_is_named_and_only_the_process_s_own_is_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    touched = []

    def ones(count: int, device: str) -> None:
        touched.append(device)
        raise RuntimeError(
            "CUDA error: no kernel image is available for execution on the device\nCompile with"
        )

    torch = types.SimpleNamespace(
        cuda=types.SimpleNamespace(is_available=lambda: True),
        ones=ones,
        version=types.SimpleNamespace(cuda="13.0"),
        __version__="2.13.0",
    )
    monkeypatch.setitem(sys.modules, "torch", torch)  # type: ignore[arg-type]
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert on_gpu.unusable() == (
        "torch cannot use the GPU of this machine: CUDA error: no kernel image is available for execution on the device "
        "(torch 2.13.0 is made for CUDA 13.0)"
    )
    assert touched == ["cuda:2"]


def trained(python: Path, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    trainer = folder / "trainer.py"
    trainer.write_text("print('trained')")
    environment: dict[str, Any] = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **more}
    command = [str(python), str(start.__file__), "on_gpu", str(trainer)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("A10G", 70e12),
        ("NVIDIA A10", 125e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("Tesla T4", 65e12),
        ("NVIDIA L40", None),
        ("NVIDIA RTX A1000 Laptop GPU", None),
    ],
)
def test_a_time_is_estimated_for_the_very_gpu_or_not_at_all(name: str, peak: float | None) -> None:
    machine = Machine(cores=8, memory=64 * GIB, gpus=(Gpu(name, 24 * GIB),))
    found = training.rate(machine, training_facts({"mixed_precision": "fp16"}))
    assert (found[0] if found else None) == (peak * training.GPU_UTILISATION if peak else None)


def test_a_gpu_has_less_than_it_is_sold_with_and_every_one_is_known() -> None:
    """An L4 of 24 GB tells CUDA of 22.04 GiB: what needs 23 does not fit."""
    for flavor, (_, _, name, sold, count) in FLAVORS.items():
        gpus = machine_for(f"jobs-{flavor}", LAPTOP).gpus
        assert [gpu.name for gpu in gpus] == [name] * count
        assert all(0.9 * sold * GIB < gpu.memory < sold * GIB for gpu in gpus), flavor


def test_before_a_gpu_is_rented_it_is_said_that_training_will_not_fit(tmp_path: Path) -> None:
    """An 8B base in float32 takes 30 GiB, whatever is trained on it."""
    write_base(tmp_path / "base", layers=32, hidden=4096, intermediate=14336, vocabulary=128_256)
    (tmp_path / "rows.jsonl").write_text('{"ask": "a", "say": "b"}\n' * 4)
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(
        f"task: llm-sft\nbase_model: {tmp_path / 'base'}\nproject_name: eight\nbackend: jobs-a10g-large\n"
        "data: {path: rows.jsonl, train_split: train, messages: [{role: user, content: '{ask}'}, {role: assistant, content: '{say}'}]}\n"
        "params: {peft: true, block_size: 512, batch_size: 1, mixed_precision: bf16}\n"
    )
    for settings, words in ((("params.quantization=null",), "a device that has 22"), ((), None)):
        said: list[str] = []
        read = load_recipe(recipe, settings=settings)
        base = read_base(read.base_model)
        assert isinstance(base, Base)
        checked = CheckedRecipe(read, autotrain, LAPTOP, base, translate(read, LAPTOP, base))
        lifecycle.costs([checked], say=said.append)
        short = [line for line in said if "run out of memory" in line]
        assert [words in line for line in short if words] == [True] * len(short)
        assert bool(short) is (words is not None), said


def write_base(folder: Path, *, layers: int, hidden: int, intermediate: int, vocabulary: int) -> None:
    """The headers of a model's weights without the weights: all that an estimate reads."""
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden), "lm_head.weight": (vocabulary, hidden)}
    for layer in range(layers):
        for name in ("gate", "up", "down"):
            shapes[f"model.layers.{layer}.mlp.{name}_proj.weight"] = (intermediate, hidden)
        for name in "qkvo":
            shapes[f"model.layers.{layer}.self_attn.{name}_proj.weight"] = (hidden, hidden)
    tensors = {
        name: {"dtype": "BF16", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()
    }
    header = json.dumps(tensors).encode()
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    widths = {"num_hidden_layers": layers, "hidden_size": hidden, "intermediate_size": intermediate}
    config = {"model_type": "llama", "vocab_size": vocabulary, "num_attention_heads": 32, **widths}
    (folder / "config.json").write_text(json.dumps(config))
