"""The recipe's own parameters, which engines for language models share → what estimates are made from."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.engines.llm_limit import DEFAULT_BLOCK
from hf_recipes.estimates.facts import TrainingFacts

PAIRS = ("dpo", "orpo", "reward")
"""Trainers whose row is two texts."""
KEYS = {
    "batch_size": "params.batch_size",
    "accumulation": "params.gradient_accumulation",
    "epochs": "params.epochs",
    "tokens_per_row": "params.block_size",
}


def training_facts(params: Mapping[str, object]) -> TrainingFacts:
    """`params`: those that the trainer is given, our overrides among them."""
    adapter = bool(params.get("peft"))
    precision, quantization = params.get("mixed_precision"), params.get("quantization")
    targets = str(params.get("target_modules") or "").strip().lower()
    return TrainingFacts(
        tokens_per_row=_tokens_per_row(params),
        texts_per_row=2 if params.get("trainer") in PAIRS else 1,
        batch_size=_count(params.get("batch_size")),
        accumulation=_count(params.get("gradient_accumulation", 1)),
        epochs=_number(params.get("epochs")),
        packed="block_size" in params
        and params.get("trainer") in ("sft", "default", None)
        and params.get("packing", True) is True,
        precision=str(precision) if precision in ("fp16", "bf16") else "float32",
        # Only what LoRA is trained on is quantized.
        quantization=str(quantization) if adapter and quantization in ("int4", "int8") else None,
        lora_rank=_count(params.get("lora_r")) if adapter else None,
        adapter=adapter,
        every_linear=not adapter or targets == "all-linear",
        dropout=params.get("lora_dropout") != 0,
        merged=bool(params.get("merge_adapter")),
        checkpointing=not params.get("disable_gradient_checkpointing", True),
        keys=KEYS,
    )


def _tokens_per_row(params: Mapping[str, object]) -> int | None:
    size = params.get("block_size", params.get("max_seq_length"))
    if isinstance(size, int):
        return size if size > 0 else DEFAULT_BLOCK
    return None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _number(value: object) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
