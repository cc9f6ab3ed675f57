"""What a recipe for TRL may say: its tasks and parameters, in the recipe's names or in TRL's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from hf_recipes.data.columns import needed_columns
from hf_recipes.engines import target_modules
from hf_recipes.engines.resolution import Parameter
from hf_recipes.engines.shared_schema import PARAMETER_KEYS, SHARED_RANGES
from hf_recipes.engines.trl import parameters, twins
from hf_recipes.engines.trl.parameters import TRAIN_ON, TWINS
from hf_recipes.recipe.check import Reading
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field
from hf_recipes.recipe.other_names import Foreign, no_counterpart, same_as

TASK = "lm_training"
TRAINERS = ("default", "sft")
TASK_NAMES: Mapping[str, tuple[str, str | None]] = {
    "llm": (TASK, None),
    "llm-generic": (TASK, "default"),
    "llm-sft": (TASK, "sft"),
    TASK: (TASK, None),
}
RANGES: Mapping[str, dict[str, object]] = {
    **SHARED_RANGES,
    "epochs": {"low": 0, "most": 10_000, "open_low": True},
    "warmup_steps": {"low": 0},
    "data_seed": {"low": 0, "high": 2**32 - 1},
    "adam_beta1": {"low": 0, "high": 1, "open_high": True},
    "adam_beta2": {"low": 0, "high": 1, "open_high": True},
    "adam_epsilon": {"low": 0},
    "label_smoothing_factor": {"low": 0, "high": 1, "open_high": True},
    "neftune_noise_alpha": {"low": 0},
    "per_device_eval_batch_size": {"low": 1, "most": 65_536},
    "eval_accumulation_steps": {"low": 1},
    "eval_steps": {"low": 0, "open_low": True},
    "eval_delay": {"low": 0},
    "dataloader_num_workers": {"low": 0, "most": 1024},
    "torch_empty_cache_steps": {"low": 1},
    "eval_strategy": {"choices": ("epoch", "no", "steps")},
    "optimizer": {"choices": parameters.choices_of("optimizers")},
    "scheduler": {"choices": parameters.choices_of("schedulers")},
    "trainer": {"choices": TRAINERS},
    "train_on": {"choices": TRAIN_ON},
    "loss_type": {"choices": ("nll", "dft")},
    "train_sampling_strategy": {"choices": ("random", "sequential", "group_by_length")},
    "bnb_4bit_quant_type": {"choices": ("nf4", "fp4")},
}
TYPES: Mapping[str, tuple[str, ...]] = {
    "target_modules": ("str", "null", "list[str]"),
    "lora_target_modules": ("str", "list[str]"),
    "max_length": ("int",),
}
"""Where they are others than the parameter's own."""


@cache
def task_fields(task: str) -> Mapping[str, Field]:
    """`params.*` and `data.column_mapping.*`, under the recipe's names and under TRL's."""
    fields: dict[str, Field] = {}
    for parameter in parameters.parameters():
        if parameter.name.endswith("_column"):
            _add(fields, parameter, f"data.column_mapping.{parameter.name}", parameter.name)
        elif parameter.name not in PARAMETER_KEYS:
            _add(fields, parameter, f"params.{parameter.name}", parameter.name)
    for parameter in parameters.trl_arguments():
        if parameter.name in TWINS:
            twin = TWINS[parameter.name]
            _add(fields, parameter, f"params.{parameter.name}", twin.name if twin.values is None else "")
    return fields


def _add(fields: dict[str, Field], parameter: Parameter, key: str, ranges: str) -> None:
    fields[key] = Field(
        key,
        TYPES.get(parameter.name, parameter.types),
        parameter.title,
        f"TRL {parameters.trl_version()}",
        parameter.default,
        **RANGES.get(ranges, {}),  # type: ignore[arg-type]
    )


@cache
def _other_names() -> Mapping[str, Foreign]:
    refused = {name: no_counterpart(why) for name, why in parameters.refused_arguments().items()}
    return {
        **refused,
        "max_seq_length": same_as("params.block_size"),
        "cutoff_len": same_as("params.block_size"),
        "sequence_len": same_as("params.block_size"),
        "micro_batch_size": same_as("params.batch_size"),
        "num_epochs": same_as("params.epochs"),
        "n_epochs": same_as("params.epochs"),
        "warmup": same_as("params.warmup_ratio"),
        "lr_scheduler": same_as("params.scheduler"),
        "lora_rank": same_as("params.lora_r"),
        "rank": same_as("params.lora_r"),
        "train_on_inputs": Foreign(
            ("params.train_on",), {"true": "params.train_on: all", "false": "params.train_on: assistant"}
        ),
        "train_on_completions_only": Foreign(
            ("params.train_on",), {"true": "params.train_on: assistant", "false": "params.train_on: all"}
        ),
    }


@cache
def schema() -> EngineSchema:
    return EngineSchema(
        engine="trl",
        task_names=TASK_NAMES,
        task_fields=task_fields,
        needed_columns=needed_columns,
        loggers=("none", "tensorboard"),
        chat_templates=("tokenizer", "none"),
        parameter_keys=PARAMETER_KEYS,
        other_names=_other_names(),
        check_rules=_check_rules,
    )


def _check_rules(reading: Reading) -> None:
    twins.settle(reading)
    target_modules.normalise(reading)
    wanted = reading.values.get("params.train_on")
    conversations = reading.given("data.messages") or reading.values.get("data.chat_template")
    if wanted in ("assistant", "completion") and not conversations:
        message = f"{wanted} needs conversations, and plain text has no turns"
        reading.report(
            "params.train_on", "no-turns", message, "write all, or say what the turns are: data.messages"
        )
