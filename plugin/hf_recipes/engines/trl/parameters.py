"""The parameters of a recipe for TRL: those that every language model's recipe has, with AutoTrain's names and defaults, and what
TRL calls them; then those of TRL alone, out of a table generated from TRL (tests/engines/trl_arguments.py)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hf_recipes.engines.resolution import Parameter

SHARED_DEFAULT, TRL_DEFAULT = "AutoTrain default", "TRL default"
TRAIN_ON = ("assistant", "completion", "all")


@dataclass(frozen=True)
class Twin:
    """What TRL calls a parameter that recipes have."""

    name: str
    values: Mapping[object, object] | None = None
    """TRL's value → the recipe's; None where both take the same."""


SHARED = (
    Parameter("add_eos_token", ("bool",), True, "Whether plain text gets an end token"),
    Parameter("auto_find_batch_size", ("bool",), False, "Whether a batch that does not fit is halved until it does"),
    Parameter("batch_size", ("int",), 2, "Rows, or packed blocks, that a device takes at once"),
    Parameter("block_size", ("int", "list[int]"), -1, "Tokens of a block; a longer row is cut there"),
    Parameter("chat_template", ("str", "null"), None, "How conversations become text"),
    Parameter("data_path", ("str",), "data", "The data"),
    Parameter("disable_gradient_checkpointing", ("bool",), False, "Whether activations are kept instead of computed again"),
    Parameter("distributed_backend", ("str", "null"), None, "How several GPUs share the work"),
    Parameter("dpo_beta", ("float",), 0.1, "How far a preference tuned model may move from its base"),
    Parameter("epochs", ("int",), 1, "How often each row is seen"),
    Parameter("eval_strategy", ("str",), "epoch", "When the validation loss is measured"),
    Parameter("gradient_accumulation", ("int",), 4, "Batches for one update of the weights"),
    Parameter("log", ("str",), "none", "Where training reports to beside the console"),
    Parameter("logging_steps", ("int",), -1, "Updates between two reports; -1 chooses"),
    Parameter("lora_alpha", ("int",), 32, "Scale of the adapter"),
    Parameter("lora_dropout", ("float",), 0.05, "Share of the adapter's input that is dropped out"),
    Parameter("lora_r", ("int",), 16, "Rank of the adapter"),
    Parameter("lr", ("float",), 3e-05, "Learning rate"),
    Parameter("max_completion_length", ("int", "null"), None, "Tokens of an answer of a preference pair"),
    Parameter("max_grad_norm", ("float",), 1.0, "Norm at which gradients are clipped"),
    Parameter("max_prompt_length", ("int",), 128, "Tokens of the prompt of a preference pair"),
    Parameter("merge_adapter", ("bool",), False, "Whether the adapter is merged into the base at the end"),
    Parameter("mixed_precision", ("str", "null"), None, "What is computed in: fp16, bf16, or null for float32"),
    Parameter("model", ("str",), "gpt2", "The base"),
    Parameter("model_max_length", ("int",), 2048, "The most tokens of a block, where the tokenizer has no bound of its own"),
    Parameter("model_ref", ("str", "null"), None, "The model that a preference tuned one is compared with"),
    Parameter("optimizer", ("str",), "adamw_torch", "The optimizer"),
    Parameter("padding", ("str", "null"), "right", "The side on which rows are padded"),
    Parameter("peft", ("bool",), False, "Whether an adapter is trained instead of all weights"),
    Parameter("project_name", ("str",), "project-name", "The model's name"),
    Parameter("prompt_text_column", ("str", "null"), None, "The column of the prompt"),
    Parameter("push_to_hub", ("bool",), False, "Whether the model goes to the Hub"),
    Parameter("quantization", ("str", "null"), "int4", "What frozen weights are kept in"),
    Parameter("rejected_text_column", ("str", "null"), None, "The column of the rejected answer"),
    Parameter("save_total_limit", ("int",), 1, "Checkpoints that are kept"),
    Parameter("scheduler", ("str",), "linear", "How the learning rate changes"),
    Parameter("seed", ("int",), 42, "Draws the order of the rows and the adapter's first weights"),
    Parameter("target_modules", ("str", "null"), "all-linear", "The modules that get an adapter"),
    Parameter("text_column", ("str",), "text", "The column of the text, or of the messages"),
    Parameter("token", ("str", "null"), None, "The Hub token"),
    Parameter("train_split", ("str",), "train", "The split that is trained on"),
    Parameter("trainer", ("str",), "default", "What the trainer learns from a row"),
    Parameter("unsloth", ("bool",), False, "Whether unsloth is used"),
    Parameter("use_flash_attention_2", ("bool",), False, "Whether flash-attn is used"),
    Parameter("username", ("str", "null"), None, "The account on the Hub"),
    Parameter("valid_split", ("str", "null"), None, "The split that is validated on"),
    Parameter("warmup_ratio", ("float",), 0.1, "Share of the updates in which the learning rate rises"),
    Parameter("weight_decay", ("float",), 0.0, "Weight decay"),
)  # fmt: skip
"""By name, with the types and defaults of AutoTrain, so that a recipe means the same (a test compares them)."""

OURS = (
    Parameter("train_on", ("str", "null"), None, "Which tokens are learned: assistant, every turn of the assistant; completion, the last one; all, prompts, too. Left out: assistant for conversations, all for plain text"),
)  # fmt: skip

TWINS: Mapping[str, Twin] = {
    "learning_rate": Twin("lr"),
    "num_train_epochs": Twin("epochs"),
    "per_device_train_batch_size": Twin("batch_size"),
    "gradient_accumulation_steps": Twin("gradient_accumulation"),
    "max_length": Twin("block_size"),
    "optim": Twin("optimizer"),
    "lr_scheduler_type": Twin("scheduler"),
    "lora_target_modules": Twin("target_modules"),
    "use_peft": Twin("peft"),
    "gradient_checkpointing": Twin("disable_gradient_checkpointing", {True: False, False: True}),
    "bf16": Twin("mixed_precision", {True: "bf16", False: None}),
    "fp16": Twin("mixed_precision", {True: "fp16", False: None}),
    "load_in_4bit": Twin("quantization", {True: "int4", False: None}),
    "load_in_8bit": Twin("quantization", {True: "int8", False: None}),
    "assistant_only_loss": Twin("train_on", {True: "assistant", False: "all"}),
    "completion_only_loss": Twin("train_on", {True: "completion", False: "all"}),
}
"""TRL's name → the recipe's, which may be written in its place."""


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("arguments.json").read_text("utf-8"))
    return table


def trl_version() -> str:
    return str(_table()["version"])


def transformers_version() -> str:
    return str(_table()["transformers"])


@cache
def model_types() -> frozenset[str]:
    """The values of `model_type` in config.json that AutoModelForCausalLM loads."""
    return frozenset(_table()["model_types"].split())


@cache
def trl_arguments() -> tuple[Parameter, ...]:
    """TRL's own arguments that a recipe may name, by its names."""
    return tuple(
        Parameter(name, tuple(entry["types"]), entry["default"], entry["title"])
        for name, entry in _table()["arguments"].items()
    )


def refused_arguments() -> Mapping[str, str]:
    """TRL's other arguments → why no recipe names them."""
    names: Mapping[str, str] = _table()["refused"]
    return names


def choices_of(name: str) -> tuple[str, ...]:
    """optimizers, schedulers."""
    return tuple(_table()[name])


DEFAULTS: Mapping[str, object] = {
    "packing": True,
    "per_device_eval_batch_size": None,
    "warmup_steps": None,
}
"""What is otherwise than TRL has it, so that a recipe means what it does elsewhere: rows are packed, evaluation takes batch_size,
the learning rate rises for warmup_ratio."""


@cache
def alone() -> tuple[Parameter, ...]:
    """The arguments of TRL that have no other name."""
    return tuple(
        replace(parameter, default=DEFAULTS.get(parameter.name, parameter.default))
        for parameter in trl_arguments()
        if parameter.name not in TWINS
    )


def parameters() -> tuple[Parameter, ...]:
    """Every parameter under the one name that the engine knows it by."""
    return (*SHARED, *OURS, *alone())
