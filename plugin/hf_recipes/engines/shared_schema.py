"""What recipes say alike to every engine: where a parameter is written that is none of `params`, and which values one may have."""

from __future__ import annotations

from collections.abc import Mapping

PARAMETER_KEYS = {
    "model": "base_model",
    "project_name": "project_name",
    "data_path": "data.path",
    "train_split": "data.train_split",
    "valid_split": "data.valid_split",
    "chat_template": "data.chat_template",
    "log": "log",
    "username": "hub.username",
    "token": "hub.token",
    "push_to_hub": "hub.push_to_hub",
}
"""Parameters that a recipe writes elsewhere than under `params`."""
SHARED_RANGES: Mapping[str, dict[str, object]] = {
    "lr": {"low": 0, "open_low": True},
    "batch_size": {"low": 1, "most": 65_536},
    "gradient_accumulation": {"low": 1, "most": 65_536},
    "warmup_ratio": {"low": 0, "high": 1},
    "weight_decay": {"low": 0, "most": 100},
    "max_grad_norm": {"low": 0},
    "seed": {"low": 0, "high": 2**32 - 1},
    "logging_steps": {"low": 1, "also": (-1,)},
    "save_total_limit": {"low": 1, "most": 100_000},
    "block_size": {"low": 1, "most": 16_777_216, "also": (-1,)},
    "model_max_length": {"low": 1, "most": 16_777_216},
    "max_prompt_length": {"low": 1, "most": 16_777_216},
    "max_completion_length": {"low": 1, "most": 16_777_216},
    "lora_r": {"low": 1, "most": 65_536},
    "lora_alpha": {"low": 1, "most": 1_000_000},
    "lora_dropout": {"low": 0, "high": 1, "open_high": True},
    "dpo_beta": {"low": 0, "most": 1_000, "open_low": True},
    "quantization": {"choices": ("int4", "int8", "none")},
    "mixed_precision": {"choices": ("fp16", "bf16", "none")},
    "padding": {"choices": ("left", "right", "none")},
    "distributed_backend": {"choices": ("ddp", "deepspeed")},
}
"""Of the parameters of language models: what types do not say but trainers need."""
