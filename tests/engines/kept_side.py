"""Runs in the autotrain environment: how many bytes autograd keeps of one layer for the backward pass.

<python> kept_side.py      prints {"<precision> <what>": bytes}, for a layer of Qwen2 and the sizes below
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers.integrations.bitsandbytes as support
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Qwen2Config
from trl.trainer.utils import peft_module_casting_to_bf16

HIDDEN, INTERMEDIATE, HEADS, VOCABULARY, TOKENS = 256, 1344, 4, 96, (3, 100)


def kept(layers: int, folder: Path, *, half: bool, quantized: bool, dropout: float | None) -> int:
    """`dropout`: LoRA's; None is a full fine-tune. As trl's trainers prepare a model and accelerate runs it."""
    torch.manual_seed(0)
    saved = folder / str(layers)
    if not saved.exists():
        config = Qwen2Config(
            vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=INTERMEDIATE, num_hidden_layers=layers,
            num_attention_heads=HEADS, num_key_value_heads=HEADS, use_cache=False,
        )  # fmt: skip
        AutoModelForCausalLM.from_config(config).save_pretrained(saved)
    bits = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float16
    )
    model: Any = AutoModelForCausalLM.from_pretrained(saved, quantization_config=bits if quantized else None)
    model.train()
    if quantized:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if dropout is not None:
        lora = LoraConfig(r=8, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, lora)
    if quantized and half:
        peft_module_casting_to_bf16(model)
    return _bytes_kept(model, half)


def _bytes_kept(model: Any, half: bool) -> int:
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    shapes = {tuple(one.shape) for one in model.parameters() if one.dim() == 2}
    shapes |= {shape[::-1] for shape in shapes}
    found: dict[int, tuple[int, Any]] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        # Mixed precision's copies of the weights are counted as weights.
        if storage.data_ptr() not in weights and tuple(tensor.shape) not in shapes:
            found[storage.data_ptr()] = (storage.nbytes(), storage)
        return tensor

    ids = torch.randint(0, VOCABULARY, TOKENS)
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        output = model(input_ids=ids, labels=ids)
    assert output.loss.requires_grad
    return sum(size for size, _ in found.values())


def main() -> None:
    # bitsandbytes computes on a CPU too; transformers of January 2025 does not believe it.
    support._validate_bnb_multi_backend_availability = lambda raise_exception: True
    support._validate_bnb_cuda_backend_availability = lambda raise_exception: True
    kinds: dict[str, dict[str, Any]] = {
        "whole": {"quantized": False, "dropout": None},
        "lora": {"quantized": False, "dropout": 0.0},
        "lora dropout": {"quantized": False, "dropout": 0.05},
        "int4 dropout": {"quantized": True, "dropout": 0.05},
    }
    with tempfile.TemporaryDirectory() as name:
        counts = {
            f"{precision} {what}": (kept(4, Path(name), half=half, **kind) - kept(2, Path(name), half=half, **kind)) // 2
            for precision, half in (("bf16", True), ("float32", False))
            for what, kind in kinds.items()
        }  # fmt: skip
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
