"""The names that other trainers use (transformers, TRL, axolotl, LLaMA-Factory, unsloth, OpenAI) → what means the same here.

A hint must be valid and mean the same. Where a name means the opposite, takes other values or has no counterpart, it says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hf_recipes.recipe.fields import Field

YES, NO = "true", "false"


@dataclass(frozen=True)
class Foreign:
    keys: tuple[str, ...] = ()
    """Ours, the first that the task has."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Of the other trainer, in small letters → what to write here, one or more `key: value`. Any other value stays as it is."""
    differs: str = ""
    """What is different all the same, or why there is none."""


def _same(*keys: str) -> Foreign:
    return Foreign(keys)


def _none(why: str) -> Foreign:
    return Foreign(differs=why)


BLOCK = ("params.block_size", "params.max_seq_length")
SAVES = _none("AutoTrain saves as often as it evaluates: params.eval_strategy")
LOADED = _none("the best checkpoint is taken where there is data.valid_split")
CHECKPOINTING = Foreign(
    ("params.disable_gradient_checkpointing",),
    {
        YES: "params.disable_gradient_checkpointing: false",
        NO: "params.disable_gradient_checkpointing: true",
        "unsloth": "params.disable_gradient_checkpointing: false",
    },
    "it says the opposite",
)
FOUR = {YES: "params.quantization: int4", NO: "params.quantization: null"}
EIGHT = {YES: "params.quantization: int8", NO: "params.quantization: null"}
BITS = {"4": "params.quantization: int4", "8": "params.quantization: int8"}
FLASH = dict.fromkeys(
    ("fa2", "flash_attention_2", "flash_attn", "fa", YES), "params.use_flash_attention_2: true"
)
FULL = {YES: "params.peft: false", NO: "params.peft: true"}
PLACE = "it is a name, not a folder: a run gets a folder of its own"

OTHER_NAMES: Mapping[str, Foreign] = {
    "model": _same("base_model"),
    "model_name": _same("base_model"),
    "model_name_or_path": _same("base_model"),
    "pretrained_model_name_or_path": _same("base_model"),
    "model_id": _same("base_model"),
    "base": _same("base_model"),
    "stage": Foreign(("task",), {"sft": "task: llm-sft", "dpo": "task: llm-dpo", "orpo": "task: llm-orpo", "rm": "task: llm-reward", "pt": "task: llm-generic"}),
    "rl": Foreign(("task",), {"dpo": "task: llm-dpo", "orpo": "task: llm-orpo"}),
    "dataset": _same("data"),
    "datasets": Foreign(("data.path",), differs="one data set, whose split is data.train_split"),
    "dataset_name": _same("data.path"),
    "dataset_path": _same("data.path"),
    "dataset_dir": _same("data.path"),
    "train_file": _same("data.path"),
    "training_file": _same("data.path"),
    "train_data": _same("data.path"),
    "validation_file": _same("data.valid_split"),
    "dataset_text_field": _same("data.column_mapping.text_column"),
    "max_samples": _same("data.limit"),
    "max_train_samples": _same("data.limit"),
    "max_eval_samples": _same("evaluate.limit"),
    "template": Foreign(("data.chat_template",), differs="one of tokenizer, which is the base's own, chatml, zephyr and null"),
    "name": _same("project_name"),
    "project": _same("project_name"),
    "run_name": _same("project_name"),
    "suffix": _same("project_name"),
    "output_dir": Foreign(("project_name",), differs=PLACE),
    "report_to": _same("log"),
    "wandb_project": Foreign(("log",), differs="it takes the logger's name; the project is the variable WANDB_PROJECT"),
    "use_wandb": Foreign(("log",), {YES: "log: wandb", NO: "log: none"}),
    "hardware": _same("backend"),
    "split": _same("data.train_split"),
    "validation_split": _same("data.valid_split"),
    "eval_split": _same("data.valid_split"),
    "val_set_size": Foreign(("data.valid_split",), differs="it names a split; only data.test_split may be a share such as 0.1"),
    "val_size": Foreign(("data.valid_split",), differs="it names a split; only data.test_split may be a share such as 0.1"),
    "test_size": _same("data.test_split"),
    "columns": _same("data.column_mapping"),
    "label_column": _same("data.column_mapping.target_column"),
    "labels_column": _same("data.column_mapping.target_column"),
    "training": _same("params"),
    "parameters": _same("params"),
    "hyperparameters": _same("params"),
    "training_args": _same("params"),
    "training_arguments": _same("params"),
    "learning_rate": _same("params.lr"),
    "learning_rate_multiplier": Foreign(("params.lr",), differs="it takes the rate itself, such as 2e-4"),
    "num_train_epochs": _same("params.epochs"),
    "num_epochs": _same("params.epochs"),
    "n_epochs": _same("params.epochs"),
    "epoch": _same("params.epochs"),
    "max_epochs": _same("params.epochs"),
    "per_device_train_batch_size": _same("params.batch_size"),
    "per_gpu_train_batch_size": _same("params.batch_size"),
    "train_batch_size": _same("params.batch_size"),
    "micro_batch_size": _same("params.batch_size"),
    "per_device_eval_batch_size": _none("AutoTrain takes params.batch_size for both; evaluate.batch_size is for answering the test rows"),
    "eval_batch_size": _none("AutoTrain takes params.batch_size for both; evaluate.batch_size is for answering the test rows"),
    "gradient_accumulation_steps": _same("params.gradient_accumulation"),
    "grad_accum": _same("params.gradient_accumulation"),
    "gradient_checkpointing": CHECKPOINTING,
    "use_gradient_checkpointing": CHECKPOINTING,
    "max_length": _same(*BLOCK),
    "max_len": _same(*BLOCK),
    "max_seq_len": _same(*BLOCK),
    "max_seq_length": _same("params.block_size", "params.max_seq_length"),
    "block_size": _same("params.block_size", "params.max_seq_length"),
    "sequence_len": _same(*BLOCK),
    "cutoff_len": _same(*BLOCK),
    "context_length": _same(*BLOCK),
    "sample_packing": _none("AutoTrain decides it by the task"),
    "optim": _same("params.optimizer"),
    "lr_scheduler": _same("params.scheduler"),
    "lr_scheduler_type": _same("params.scheduler"),
    "evaluation_strategy": _same("params.eval_strategy"),
    "eval_steps": _none("AutoTrain evaluates with params.eval_strategy: steps as often as params.logging_steps"),
    "evals_per_epoch": _none("AutoTrain evaluates with params.eval_strategy: steps as often as params.logging_steps"),
    "save_steps": SAVES,
    "save_strategy": SAVES,
    "saves_per_epoch": SAVES,
    "load_best_model_at_end": LOADED,
    "metric_for_best_model": LOADED,
    "fp16": Foreign(("params.mixed_precision",), {YES: "params.mixed_precision: fp16", NO: "params.mixed_precision: null"}),
    "bf16": Foreign(("params.mixed_precision",), {YES: "params.mixed_precision: bf16", NO: "params.mixed_precision: null", "auto": "params.mixed_precision: bf16"}),
    "tf32": _none("torch decides it by itself"),
    "torch_dtype": Foreign(("params.mixed_precision",), {"bfloat16": "params.mixed_precision: bf16", "float16": "params.mixed_precision: fp16", "float32": "params.mixed_precision: null"}, "the base's type is chosen by quantization"),
    "dtype": Foreign(("params.mixed_precision",), {"bfloat16": "params.mixed_precision: bf16", "float16": "params.mixed_precision: fp16", "float32": "params.mixed_precision: null"}, "the base's type is chosen by quantization"),
    "load_in_4bit": Foreign(("params.quantization",), FOUR),
    "load_in_8bit": Foreign(("params.quantization",), EIGHT),
    "use_4bit": Foreign(("params.quantization",), FOUR),
    "use_8bit": Foreign(("params.quantization",), EIGHT),
    "use_int4": Foreign(("params.quantization",), FOUR),
    "use_int8": Foreign(("params.quantization",), EIGHT),
    "quantization_bit": Foreign(("params.quantization",), BITS),
    "bits": Foreign(("params.quantization",), BITS),
    "bnb_4bit_quant_type": _none("params.quantization: int4 is nf4"),
    "use_peft": _same("params.peft"),
    "lora": _same("params.peft"),
    "use_lora": _same("params.peft"),
    "qlora": Foreign(("params.peft",), {YES: "params.peft: true and params.quantization: int4", NO: "params.peft: false"}),
    "adapter": Foreign(("params.peft",), {"lora": "params.peft: true", "qlora": "params.peft: true and params.quantization: int4", "none": "params.peft: false"}),
    "finetuning_type": Foreign(("params.peft",), {"lora": "params.peft: true", "full": "params.peft: false", "qlora": "params.peft: true and params.quantization: int4"}),
    "full_finetuning": Foreign(("params.peft",), FULL),
    "full_finetune": Foreign(("params.peft",), FULL),
    "lora_rank": _same("params.lora_r"),
    "rank": _same("params.lora_r"),
    "r": _same("params.lora_r"),
    "alpha": _same("params.lora_alpha"),
    "lora_target": _same("params.target_modules"),
    "lora_target_modules": _same("params.target_modules"),
    "lora_target_linear": Foreign(("params.target_modules",), {YES: "params.target_modules: all-linear"}, "it names modules"),
    "lora_modules_to_save": _none("AutoTrain saves the adapter alone"),
    "use_rslora": _none("AutoTrain's LoRA is the plain one"),
    "use_dora": _none("AutoTrain's LoRA is the plain one"),
    "beta": _same("params.dpo_beta"),
    "pref_beta": _same("params.dpo_beta"),
    "rl_beta": _same("params.dpo_beta"),
    "warmup_steps": Foreign(("params.warmup_ratio",), differs="it is a share of all updates, such as 0.1, not a number of them"),
    "num_warmup_steps": Foreign(("params.warmup_ratio",), differs="it is a share of all updates, such as 0.1, not a number of them"),
    "max_steps": Foreign(("params.epochs", "params.time_limit"), differs="it counts passes over the data, not updates; data.limit makes them shorter"),
    "random_state": _same("params.seed"),
    "random_seed": _same("params.seed"),
    "gradient_clipping": _same("params.max_grad_norm"),
    "grad_clip": _same("params.max_grad_norm"),
    "flash_attention": Foreign(("params.use_flash_attention_2",), FLASH),
    "flash_attn": Foreign(("params.use_flash_attention_2",), FLASH, "it is true or false; torch's own fused attention is used without it"),
    "attn_implementation": Foreign(("params.use_flash_attention_2",), FLASH, "it is true or false; torch's own fused attention is used without it"),
    "use_flash_attention": _same("params.use_flash_attention_2"),
    "use_unsloth": _same("params.unsloth"),
    "deepspeed": Foreign(("params.distributed_backend",), {YES: "params.distributed_backend: deepspeed", NO: "params.distributed_backend: null"}, "write deepspeed or ddp; its configuration is AutoTrain's own"),
    "fsdp": _none("AutoTrain has ddp and deepspeed: params.distributed_backend"),
    "hub_model": Foreign(("hub.username",), differs="the model goes to hub.username/project_name"),
    "hub_model_id": Foreign(("hub.username",), differs="the model goes to hub.username/project_name"),
    "hub_token": Foreign(("hub.token",), differs="it names a variable, as ${HF_TOKEN}"),
    "hf_token": Foreign(("hub.token",), differs="it names a variable, as ${HF_TOKEN}"),
    "hub_private_repo": _none("a repo that is made for a model is private until you change that"),
    "from": _same("data.messages.*.role"),
    "value": _same("data.messages.*.content"),
    "pad_side": _same("params.padding"),
    "padding_side": _same("params.padding"),
    "system_prompt": Foreign(("data.messages",), differs="write it as its first turn, {role: system, content: …}"),
    "max_tokens": _same("evaluate.max_new_tokens"),
    "early_stopping": Foreign(("params.early_stopping_patience",), differs="it is a number of evaluations, and needs data.valid_split"),
    "eval": _same("evaluate"),
    "evaluation": _same("evaluate"),
    "push": _same("hub.push_to_hub"),
    "resume_from_checkpoint": _none("a run begins with base_model"),
    "overwrite_output_dir": _none("each run has a folder of its own"),
    "logging_dir": _none("it stands in the run's folder"),
    "do_train": _none("`hf-recipes run` trains"),
    "do_eval": _none("with evaluate: a run measures"),
    "train_on_inputs": _none("which tokens carry loss is the trainer's affair: llm-sft learns whole conversations"),
    "dataloader_num_workers": _none("the trainer chooses it"),
    "preprocessing_num_workers": _none("rows are prepared once"),
    "group_by_length": _none("AutoTrain has none"),
    "packing": _none("AutoTrain decides it by the task"),
    "neftune_noise_alpha": _none("AutoTrain has none"),
    "label_smoothing_factor": _none("AutoTrain has none"),
    "adam_beta1": _none("the optimizer's own values are taken"),
    "adam_beta2": _none("the optimizer's own values are taken"),
    "adam_epsilon": _none("the optimizer's own values are taken"),
    "special_tokens": _none("the base's tokenizer is taken as it is"),
    "tokenizer": _none("it is the base's own"),
    "tokenizer_name": _none("it is the base's own"),
}  # fmt: skip

VALUES: Mapping[str, Mapping[str, str]] = {
    "mixed_precision": {NO: "none", "no": "none", "off": "none", "fp32": "none", "float32": "none", "32": "none", "bfloat16": "bf16", "float16": "fp16", "half": "fp16", "16": "fp16", "amp": "fp16"},
    "quantization": {NO: "none", "no": "none", "off": "none", "4": "int4", "4bit": "int4", "4-bit": "int4", "nf4": "int4", "fp4": "int4", "qlora": "int4", "8": "int8", "8bit": "int8", "8-bit": "int8", "16": "none", "fp16": "none", "bf16": "none"},
    "padding": {NO: "none", "no": "none"},
    "eval_strategy": {NO: '"no", in quotes: YAML reads yes, no, on and off as true and false', "none": '"no", in quotes', "null": '"no", in quotes', "off": '"no", in quotes', "epochs": "epoch", "step": "steps"},
    "log": {NO: "none", "no": "none", "off": "none", "null": "none", "console": "none", "tensorboardx": "tensorboard", "tb": "tensorboard", "weights_and_biases": "wandb", "comet": "comet_ml"},
    "optimizer": {"adam": "adamw_torch", "adamw": "adamw_torch", "adamw8bit": "adamw_8bit", "adamw_bnb": "adamw_bnb_8bit", "paged_adamw": "paged_adamw_32bit"},
    "scheduler": {"none": "constant", NO: "constant", "cosine_annealing": "cosine", "warmup": "constant_with_warmup", "linear_warmup": "linear"},
    "distributed_backend": {NO: "null", "no": "null", "none": "null", "zero3": "deepspeed", "zero": "deepspeed", "torch": "ddp"},
    "chat_template": {NO: "null", "no": "null", "default": "tokenizer", "auto": "tokenizer", YES: "tokenizer", "llama3": "tokenizer", "llama-3": "tokenizer", "llama": "tokenizer", "qwen": "tokenizer", "mistral": "tokenizer", "gemma": "tokenizer", "phi3": "tokenizer", "alpaca": "tokenizer", "chat_ml": "chatml", "chat-ml": "chatml"},
    "trainer": {"sft-trainer": "sft", "sfttrainer": "sft", "dpotrainer": "dpo", "clm": "default", "rm": "reward"},
    "backend": {"gpu": "local", "cpu": "local", "cuda": "local", "localhost": "local"},
    "valid_split": {NO: "null"},
    "test_split": {NO: "null"},
    "limit": {"none": "null", "all": "null", NO: "null", "-1": "null", "no": "null"},
    "evaluate": {NO: "null", "no": "null", "none": "null", "off": "null"},
    "hub": {NO: "null", "no": "null", "none": "null", "off": "null"},
    "params": {"none": "null", "default": "null"},
    "peft": {"lora": "true", "qlora": "true and quantization: int4", "none": "false", "full": "false", "null": "false"},
    "baselines": {"rag": "retrieval", "fewshot": "few-shot", "few_shot": "few-shot", "zeroshot": "zero-shot", "zero_shot": "zero-shot"},
    "block_size": {"null": "-1, which is as much as the base takes", "none": "-1, which is as much as the base takes"},
    "logging_steps": {"auto": "-1", "null": "-1", "none": "-1"},
    "max_grad_norm": {"null": "1.0, AutoTrain's default, or leave it out"},
    "task": {"sft": "llm-sft", "dpo": "llm-dpo", "orpo": "llm-orpo", "text-generation": "llm-sft", "causal-lm": "llm-sft", "ner": "token-classification", "summarization": "seq2seq", "translation": "seq2seq", "classification": "text-classification"},
}  # fmt: skip
"""The last part of a key of ours → what people write for a value, in small letters → what means the same."""


def written(value: object) -> str:
    """A value as YAML has it, in small letters."""
    if value is None:
        return "null"
    return str(value).strip().lower()


def same_value(known: Field, value: object) -> str | None:
    """What means the same as a value that a key of ours does not take."""
    if isinstance(value, (list, dict)):
        return None
    told = VALUES.get(known.key.removesuffix(".*").rpartition(".")[2], {}).get(written(value))
    word = re.split(r", | and ", told)[0].strip('"') if told else ""
    fits = word in known.choices or (word == "null" and "null" in known.types) or not known.choices
    return told if fits else None


def meaning(name: str, value: object, known: Mapping[str, object]) -> str | None:
    """A hint for a name of another trainer: what to write in its place, or what is different. None for any other name.

    `value` is what stands there, None where it is no single value; `known` has the keys of the recipe's task.
    """
    foreign = OTHER_NAMES.get(name)
    if foreign is None:
        return None
    key = next((key for key in foreign.keys if key in known), None)
    if key is None:
        return None if foreign.keys else f"there is none: {foreign.differs}"
    if told := foreign.values.get(written(value)):
        return f"write {told}"
    return f"did you mean {key}?" + (f" {foreign.differs}" if foreign.differs else "")
