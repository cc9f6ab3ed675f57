"""Writes, as JSON, which arguments TRL has: those that a recipe may name with types and defaults, the others with a reason.

<python of the trl set> tests/engines/trl_arguments.py plugin/hf_recipes/engines/trl/arguments.json
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import sys
import types
import typing
from pathlib import Path

from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.trainer_utils import SchedulerType
from transformers.training_args import OptimizerNames
from trl import ModelConfig, SFTConfig

TAKEN = [
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "max_length",
    "optim",
    "lr_scheduler_type",
    "lora_target_modules",
    "use_peft",
    "gradient_checkpointing",
    "bf16",
    "fp16",
    "load_in_4bit",
    "load_in_8bit",
    "assistant_only_loss",
    "completion_only_loss",
    "warmup_steps",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "optim_args",
    "label_smoothing_factor",
    "neftune_noise_alpha",
    "tf32",
    "logging_first_step",
    "eval_steps",
    "eval_delay",
    "eval_on_start",
    "per_device_eval_batch_size",
    "eval_accumulation_steps",
    "full_determinism",
    "data_seed",
    "dataloader_num_workers",
    "dataloader_drop_last",
    "train_sampling_strategy",
    "loss_type",
    "activation_offloading",
    "packing",
    "shuffle_dataset",
    "router_aux_loss_coef",
    "attn_implementation",
    "use_rslora",
    "use_dora",
    "lora_modules_to_save",
    "bnb_4bit_quant_type",
    "use_bnb_nested_quant",
    "torch_empty_cache_steps",
]
ELSEWHERE = {
    "model_name_or_path": "base_model says it",
    "output_dir": "a run has a folder of its own",
    "report_to": "log says it",
    "run_name": "project_name says it",
    "push_to_hub": "hub.push_to_hub says it",
    "hub_model_id": "hub.username and project_name say it",
    "hub_token": "hub.token says it",
    "trust_remote_code": "trust_remote_code stands at the top of the recipe",
    "dataset_text_field": "data.column_mapping.text_column says it",
    "chat_template_path": "the base's own template is used",
    "max_steps": "params.epochs says how long",
    "packing_strategy": "rows are packed whole, best fit first",
}
SAME = [
    "lora_r",
    "lora_alpha",
    "lora_dropout",
    "seed",
    "max_grad_norm",
    "weight_decay",
    "logging_steps",
    "save_total_limit",
    "eval_strategy",
    "auto_find_batch_size",
]
"""Recipes have them by the same names."""
OURS = "a run decides it"
KINDS = {int: "int", float: "float", bool: "bool", str: "str", type(None): "null", list[str]: "list[str]"}


def kinds(annotation: object) -> list[str]:
    """bool | None → ["bool", "null"]; an enumeration's names are text."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        found = [kind for part in typing.get_args(annotation) for kind in kinds(part)]
        return [
            *dict.fromkeys(kind for kind in found if kind != "null"),
            *(["null"] if "null" in found else []),
        ]
    return [KINDS.get(annotation, "str")]  # type: ignore[call-overload]


def title(field: dataclasses.Field[object]) -> str:
    """The first sentence of its help."""
    text = " ".join(str(field.metadata.get("help", "")).replace("%%", "%").split())
    return text.split(". ")[0].rstrip(".") + "."


def main() -> None:
    fields = {field.name: field for kind in (ModelConfig, SFTConfig) for field in dataclasses.fields(kind)}
    table = {
        "version": importlib.metadata.version("trl"),
        "transformers": importlib.metadata.version("transformers"),
        "arguments": {
            name: {
                "types": kinds(fields[name].type),
                "default": fields[name].default,
                "title": title(fields[name]),
            }
            for name in sorted(TAKEN)
        },
        "refused": {name: ELSEWHERE.get(name, OURS) for name in sorted(set(fields) - set(TAKEN) - set(SAME))},
        "optimizers": sorted(str(name.value) for name in OptimizerNames),
        "schedulers": sorted(str(name.value) for name in SchedulerType),
        "model_types": " ".join(sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)),
    }
    text = json.dumps(table, indent=1, default=str)
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")


main()
