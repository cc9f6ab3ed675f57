"""Sizes read from real files, and estimates that are absent where nothing is known."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.engines.shared_facts import training_facts
from hf_recipes.estimates import training
from hf_recipes.estimates.model_size import SIZES, Base, read_base

SMOLLM = SIZES["bundled/smollm2-135m-instruct"]
CPU = Machine(cores=2, memory=16 * 1024**3)
FULL = {
    "peft": False,
    "block_size": 512,
    "batch_size": 2,
    "epochs": 1,
    "disable_gradient_checkpointing": True,
}
LORA = {**FULL, "peft": True, "lora_r": 16, "target_modules": "all-linear"}


def write_safetensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    header = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()
    }
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def test_a_folder_is_counted_from_its_headers_over_all_shards(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model-1.safetensors", {"model.embed_tokens.weight": (100, 8)})
    write_safetensors(tmp_path / "model-2.safetensors", {"layers.0.q.weight": (8, 4), "norm.weight": (8,)})
    (tmp_path / "config.json").write_text('{"hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 100}')
    base = read_base(str(tmp_path))
    assert isinstance(base, Base)
    assert (base.parameters, base.linear, base.layers, base.vocabulary) == (800 + 32 + 8, 12, 1, 100)
    assert base.intermediate is None


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", struct.pack("<Q", 1 << 60) + b"{}"])
def test_a_broken_file_is_named_and_does_not_raise(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert isinstance(read_base(str(tmp_path)), str)


def test_an_unread_model_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "someone/absent" in str(read_base("someone/absent"))
    assert "no safetensors" in str(read_base(str(tmp_path)))


def test_full_training_holds_sixteen_bytes_a_parameter_and_lora_four_and_its_own(tmp_path: Path) -> None:
    full, lora = training.memory(SMOLLM, training_facts(FULL)), training.memory(SMOLLM, training_facts(LORA))
    assert full and lora
    assert full.weights + full.gradients + full.optimizer == 16 * SMOLLM.parameters
    assert training.trainable(SMOLLM, training_facts(LORA)) == 4_884_480
    assert lora.weights + lora.gradients + lora.optimizer == 4 * SMOLLM.parameters + 16 * 4_884_480
    int4 = training.memory(SMOLLM, training_facts({**LORA, "quantization": "int4"}))
    # The embedding, a fifth of this model, is not quantized.
    assert int4 and 134_515_008 / 2 < int4.weights < lora.weights / 2.5


def test_lora_on_some_layers_needs_no_more_memory_than_on_all_and_its_parameters_are_not_guessed() -> None:
    some = {**LORA, "target_modules": "q_proj,v_proj"}
    assert training.memory(SMOLLM, training_facts(some)) == training.memory(SMOLLM, training_facts(LORA))
    found = training.estimate_as_json(training.estimate_training(SMOLLM, training_facts(some), CPU, 1000))
    assert "trainable_parameters" not in found
    assert "every linear layer's LoRA, at the most" in found["memory_bytes"]["basis"]  # type: ignore[index]


def test_checkpointing_costs_time_and_saves_memory() -> None:
    kept, dropped = FULL, {**FULL, "disable_gradient_checkpointing": False}
    assert (training.activations(SMOLLM, training_facts(dropped)) or 0) < (
        training.activations(SMOLLM, training_facts(kept)) or 0
    ) / 2
    rows = [
        training.operations_per_token(SMOLLM, training_facts(params)) // SMOLLM.parameters
        for params in (kept, dropped, LORA)
    ]
    assert rows == [6, 8, 4]


def test_the_measured_basis_is_reproduced() -> None:
    """160 tokens/s on 2 cores: 16,000 tokens are 100 seconds."""
    found = training.estimate_as_json(training.estimate_training(SMOLLM, training_facts(FULL), CPU, 16_000))
    time = found["time"]
    assert isinstance(time, dict) and abs(time["seconds"] - 100) <= 1 and "measured" in time["basis"]
    assert found["note"] == "estimate"


def test_what_is_unknown_is_absent_never_zero() -> None:
    assert "time" not in training.estimate_as_json(
        training.estimate_training(SMOLLM, training_facts(FULL), CPU, None)
    )
    strange = Machine(4, 16 * 1024**3, (Gpu("unknown", 0),))
    found = training.estimate_as_json(training.estimate_training(SMOLLM, training_facts(FULL), strange, 1000))
    assert "time" not in found and "available" not in found["memory_bytes"]  # type: ignore[operator]
    narrow = training.estimate_as_json(
        training.estimate_training(replace(SMOLLM, hidden=None), training_facts(FULL), CPU, 1000)
    )
    assert not {"activations", "total"} & set(narrow["memory_bytes"])  # type: ignore[call-overload]
    only_counted = training.estimate_as_json(
        training.estimate_training(replace(SMOLLM, linear=None), training_facts(LORA), CPU, 1000)
    )
    assert "memory_bytes" not in only_counted and "trainable_parameters" not in only_counted
