"""The base, loaded to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_recipes.inference.device import on_gpu


def load_base(source: str, params: Mapping[str, Any], *, trust_remote_code: bool) -> Any:
    """In float32, which mixed precision computes less exactly than it keeps; frozen weights in int4 or int8, where that is asked
    for. No pickle is ever loaded."""
    import torch
    from transformers import AutoModelForCausalLM

    quantized = params["peft"] and params["quantization"] in ("int4", "int8")
    given: dict[str, Any] = (
        {"attn_implementation": params["attn_implementation"]} if params["attn_implementation"] else {}
    )
    if quantized:
        given["quantization_config"] = _quantization(params)
        given["device_map"] = {"": torch.cuda.current_device()} if on_gpu() else None
    return AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, use_safetensors=True, trust_remote_code=trust_remote_code, **given
    )


def _quantization(params: Mapping[str, Any]) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if params["quantization"] == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    computed = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(params["mixed_precision"], torch.float32)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=params["bnb_4bit_quant_type"],
        bnb_4bit_use_double_quant=params["use_bnb_nested_quant"],
        bnb_4bit_compute_dtype=computed,
    )
