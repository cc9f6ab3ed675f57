"""The trained weights and the tokenizer as the steps after training read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEPT = ("use_cache", "output_router_logits")
"""Settings that training changes: left so, a model answers many times slower, or, as a mixture of experts, not at all."""


def settings_of(model: Any) -> dict[str, Any]:
    """What of the base's config is put back once training has ended."""
    return {name: getattr(model.config, name) for name in KEPT if hasattr(model.config, name)}


def save(
    trainer: Any,
    settings: Mapping[str, Any],
    base: str,
    folder: Path,
    params: Mapping[str, Any],
    *,
    trust_remote_code: bool,
) -> None:
    """The adapter, or all weights, into `folder`; with merge_adapter the base with the adapter in it. `settings`: of the base,
    from before the training."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    for name, value in settings.items():
        setattr(model.config, name, value)
    merged = params["peft"] and params["merge_adapter"]
    trainer.save_model(str(folder.with_name(f"{folder.name}-adapter") if merged else folder))
    if not merged or not trainer.is_world_process_zero():
        return
    if params["quantization"] in ("int4", "int8"):
        model = _whole(base, folder.with_name(f"{folder.name}-adapter"), trust_remote_code)
    whole = model.merge_and_unload()
    whole.save_pretrained(str(folder))
    trainer.processing_class.save_pretrained(str(folder))


def _whole(base: str, adapter: Path, trust_remote_code: bool) -> Any:
    """The adapter on a base that is not quantized: what is merged into rounded weights is rounded with them."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, use_safetensors=True, trust_remote_code=trust_remote_code
    )
    return PeftModel.from_pretrained(loaded, str(adapter))
