"""The recipe's parameters → TRL's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.engines.trl.parameters import alone
from hf_recipes.inference.device import on_gpu

OF_THE_MODEL = ("attn_implementation", "use_rslora", "use_dora", "lora_modules_to_save", "bnb_4bit_quant_type", "use_bnb_nested_quant")  # fmt: skip
"""Arguments that are no trainer's."""
BEFORE_THE_END = 0.999999
"""transformers takes a warm-up of 1 for one update, and less for a share."""


def arguments_of(
    params: Mapping[str, Any], checkpoints: Path, limit: int, *, packing: bool, validated: bool
) -> Any:
    """A `trl.SFTConfig`. `limit`: tokens of a block."""
    from trl import SFTConfig

    strategy = params["eval_strategy"] if validated else "no"
    own = {
        parameter.name: params[parameter.name]
        for parameter in alone()
        if parameter.name not in OF_THE_MODEL and params.get(parameter.name) is not None
    }
    return SFTConfig(
        **{
            **own,
            "output_dir": str(checkpoints),
            "learning_rate": params["lr"],
            "num_train_epochs": params["epochs"],
            "per_device_train_batch_size": params["batch_size"],
            "per_device_eval_batch_size": own.get("per_device_eval_batch_size") or params["batch_size"],
            "gradient_accumulation_steps": params["gradient_accumulation"],
            "auto_find_batch_size": params["auto_find_batch_size"],
            "optim": params["optimizer"],
            "lr_scheduler_type": params["scheduler"],
            "warmup_steps": _warmup(params),
            "weight_decay": params["weight_decay"],
            "max_grad_norm": params["max_grad_norm"],
            "seed": params["seed"],
            "bf16": params["mixed_precision"] == "bf16",
            "fp16": params["mixed_precision"] == "fp16",
            "gradient_checkpointing": not params["disable_gradient_checkpointing"],
            "max_length": limit,
            "packing": packing,
            "packing_strategy": "bfd",
            "eval_strategy": strategy,
            "save_strategy": strategy,
            "load_best_model_at_end": strategy != "no",
            "save_total_limit": params["save_total_limit"],
            "logging_steps": params["logging_steps"],
            "report_to": params["log"],
            "disable_tqdm": True,
            "dataloader_pin_memory": on_gpu(),
            "use_cpu": not on_gpu(),
        }
    )


def adapter_of(params: Mapping[str, Any]) -> Any:
    """A `peft.LoraConfig`; None where all weights are trained."""
    if not params["peft"]:
        return None
    from peft import LoraConfig

    targets = str(params["target_modules"] or "all-linear")
    return LoraConfig(
        r=params["lora_r"],
        lora_alpha=params["lora_alpha"],
        lora_dropout=params["lora_dropout"],
        bias="none",
        task_type="CAUSAL_LM",
        target_modules=targets if targets == "all-linear" else targets.split(","),
        use_rslora=params["use_rslora"],
        use_dora=params["use_dora"],
        modules_to_save=params["lora_modules_to_save"],
    )


def _warmup(params: Mapping[str, Any]) -> float:
    """Updates, or below 1 their share."""
    if params["warmup_steps"] is not None:
        return float(params["warmup_steps"])
    return min(float(params["warmup_ratio"]), BEFORE_THE_END)
