"""A key nobody knows → the right one: by the names other tools use, by the level it belongs to, by its letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from hf_recipes.recipe.fields import HOMES, METRICS, Field, children, tasks_with

LONGEST = 40
"""Characters: keys that are longer are no misspelling, and comparing them takes time."""
LISTED = 40
"""Values that a hint names at the most: all tasks, all optimizers."""
OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "model": ("base_model",),
    "model_name": ("base_model",),
    "model_name_or_path": ("base_model",),
    "model_id": ("base_model",),
    "base": ("base_model",),
    "dataset": ("data",),
    "datasets": ("data",),
    "dataset_name": ("data.path",),
    "name": ("project_name",),
    "project": ("project_name",),
    "output_dir": ("project_name",),
    "report_to": ("log",),
    "hardware": ("backend",),
    "split": ("data.train_split",),
    "validation_split": ("data.valid_split",),
    "eval_split": ("data.valid_split",),
    "columns": ("data.column_mapping",),
    "label_column": ("data.column_mapping.target_column",),
    "labels_column": ("data.column_mapping.target_column",),
    "training": ("params",),
    "parameters": ("params",),
    "hyperparameters": ("params",),
    "training_args": ("params",),
    "learning_rate": ("params.lr",),
    "num_train_epochs": ("params.epochs",),
    "num_epochs": ("params.epochs",),
    "epoch": ("params.epochs",),
    "per_device_train_batch_size": ("params.batch_size",),
    "train_batch_size": ("params.batch_size",),
    "gradient_accumulation_steps": ("params.gradient_accumulation",),
    "gradient_checkpointing": ("params.disable_gradient_checkpointing",),
    "max_length": ("params.block_size", "params.max_seq_length"),
    "max_seq_len": ("params.block_size", "params.max_seq_length"),
    "max_seq_length": ("params.block_size", "params.max_seq_length"),
    "block_size": ("params.block_size", "params.max_seq_length"),
    "optim": ("params.optimizer",),
    "lr_scheduler": ("params.scheduler",),
    "lr_scheduler_type": ("params.scheduler",),
    "evaluation_strategy": ("params.eval_strategy",),
    "fp16": ("params.mixed_precision",),
    "bf16": ("params.mixed_precision",),
    "load_in_4bit": ("params.quantization",),
    "load_in_8bit": ("params.quantization",),
    "use_peft": ("params.peft",),
    "lora": ("params.peft",),
    "lora_rank": ("params.lora_r",),
    "r": ("params.lora_r",),
    "beta": ("params.dpo_beta",),
    "warmup_steps": ("params.warmup_ratio",),
    "max_steps": ("params.epochs", "params.time_limit"),
    "from": ("data.messages.*.role",),
    "value": ("data.messages.*.content",),
    "pad_side": ("params.padding",),
    "padding_side": ("params.padding",),
    "eval": ("evaluate",),
    "evaluation": ("evaluate",),
    "push": ("hub.push_to_hub",),
}

OTHER_VALUES: Mapping[str, str] = {
    "sft": "llm-sft",
    "dpo": "llm-dpo",
    "orpo": "llm-orpo",
    "text-generation": "llm-sft",
    "ner": "token-classification",
    "summarization": "seq2seq",
    "translation": "seq2seq",
    "adam": "adamw_torch",
    "adamw": "adamw_torch",
    "rag": "retrieval",
}
"""What people write for a value, by letters nearer to another one or to none."""


def suggestion(parent: str, name: str, fields: Mapping[str, Field]) -> str:
    """`did you mean params.lr?` for the unknown key `name` under `parent`, or what there is instead."""
    found = (
        _exactly(name, fields)
        or _deeper(parent, name, fields)
        or _other_name(name, fields)
        or _sibling(parent, name, fields)
        or _elsewhere(name, fields)
    )
    if parent == "evaluate.metrics.*" and name in METRICS:
        return f"write {{name: {name}, options: {{…}}}}"
    if found:
        return f"did you mean {found}?"
    known = children(fields, parent)
    return f"there are {', '.join(known)}" if 0 < len(known) <= 13 else ""


def nearest(word: str, known: Iterable[str], alike: float = 0.65) -> str | None:
    """The known word that is most like `word`, if any is: 1 is the same, 0 has no letter in common."""
    if len(word) > LONGEST:
        return None
    by_letters = {_plain(one): one for one in known}
    close = get_close_matches(_plain(word), by_letters, 1, alike)
    return by_letters[close[0]] if close else None


def one_of(value: object, choices: Sequence[object]) -> str:
    """A hint for a value that is none of the choices."""
    known = [str(choice) for choice in choices]
    if isinstance(value, str):
        more = [choice for choice in known if choice.startswith(f"{value}:")]
        if more:
            return f"one of {', '.join(more)}"
        other = OTHER_VALUES.get(value.lower())
        close = other if other in known else nearest(value, known)
        if close:
            return f"did you mean {close}?"
    # image_regression beside image-regression is the same once more.
    shown = [choice for choice in known if "_" not in choice or choice.replace("_", "-") not in known]
    return f"one of {', '.join(shown[:LISTED])}" + (" …" if len(shown) > LISTED else "")


def other_tasks(key: str) -> str:
    """The tasks that do have this key, as a clause; empty where none has."""
    tasks = tasks_with(key)
    return f"{', '.join(tasks)} {'have' if len(tasks) > 1 else 'has'} it" if tasks else ""


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")


def _other_name(name: str, fields: Mapping[str, Field]) -> str | None:
    return next((key for key in OTHER_NAMES.get(_plain(name), ()) if key in fields), None)


def _sibling(parent: str, name: str, fields: Mapping[str, Field]) -> str | None:
    close = nearest(name, children(fields, parent))
    return f"{parent}.{close}" if close and parent else close


def _exactly(name: str, fields: Mapping[str, Field]) -> str | None:
    """The key of that very name at another level."""
    return HOMES.get(name) or _by_last_part(fields).get(name)


def _deeper(parent: str, name: str, fields: Mapping[str, Field]) -> str | None:
    """The key of that very name one level further down."""
    steps = (f"{parent}.{child}" if parent else child for child in children(fields, parent))
    return next((f"{step}.{name}" for step in steps if f"{step}.{name}" in fields), None)


def _elsewhere(name: str, fields: Mapping[str, Field]) -> str | None:
    """A key at another level, which must be more alike than one at this level: people mistake words before levels."""
    keys = _by_last_part(fields)
    close = nearest(name, keys, 0.8)
    return keys[close] if close else None


def _by_last_part(fields: Mapping[str, Field]) -> dict[str, str]:
    return {key.rpartition(".")[2]: key for key in reversed(list(fields)) if "*" not in key}
