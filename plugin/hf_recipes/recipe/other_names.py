"""The names that other trainers use (transformers, TRL, axolotl, LLaMA-Factory, unsloth, OpenAI) → the recipe's own keys.

What an engine's parameters are called elsewhere stands in its schema. A hint must be valid and mean the same. Where a name
means the opposite, takes other values or has no counterpart, it says so.
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
    """The other trainer's value, in lower case → what to write here, one or more `key: value`. Any other value stays as it is."""
    differs: str = ""
    """What is different all the same, or why there is none."""


def same_as(*keys: str) -> Foreign:
    return Foreign(keys)


def no_counterpart(why: str) -> Foreign:
    return Foreign(differs=why)


PLACE = "it is a name, not a folder: a run gets a folder of its own"

OTHER_NAMES: Mapping[str, Foreign] = {
    "model": same_as("base_model"),
    "model_name": same_as("base_model"),
    "model_name_or_path": same_as("base_model"),
    "pretrained_model_name_or_path": same_as("base_model"),
    "model_id": same_as("base_model"),
    "base": same_as("base_model"),
    "dataset": same_as("data"),
    "datasets": Foreign(("data.path",), differs="one data set, whose split is data.train_split"),
    "dataset_name": same_as("data.path"),
    "dataset_path": same_as("data.path"),
    "dataset_dir": same_as("data.path"),
    "train_file": same_as("data.path"),
    "training_file": same_as("data.path"),
    "train_data": same_as("data.path"),
    "validation_file": same_as("data.valid_split"),
    "max_samples": same_as("data.limit"),
    "max_train_samples": same_as("data.limit"),
    "max_eval_samples": same_as("evaluate.limit"),
    "name": same_as("project_name"),
    "project": same_as("project_name"),
    "run_name": same_as("project_name"),
    "suffix": same_as("project_name"),
    "output_dir": Foreign(("project_name",), differs=PLACE),
    "report_to": same_as("log"),
    "hardware": same_as("backend"),
    "split": same_as("data.train_split"),
    "validation_split": same_as("data.valid_split"),
    "eval_split": same_as("data.valid_split"),
    "val_set_size": Foreign(("data.valid_split",), differs="it names a split; only data.test_split may be a share such as 0.1"),
    "val_size": Foreign(("data.valid_split",), differs="it names a split; only data.test_split may be a share such as 0.1"),
    "test_size": same_as("data.test_split"),
    "columns": same_as("data.column_mapping"),
    "training": same_as("params"),
    "parameters": same_as("params"),
    "hyperparameters": same_as("params"),
    "training_args": same_as("params"),
    "training_arguments": same_as("params"),
    "hub_model": Foreign(("hub.username",), differs="the model goes to hub.username/project_name"),
    "hub_model_id": Foreign(("hub.username",), differs="the model goes to hub.username/project_name"),
    "hub_token": Foreign(("hub.token",), differs="it names a variable, as ${HF_TOKEN}"),
    "hf_token": Foreign(("hub.token",), differs="it names a variable, as ${HF_TOKEN}"),
    "hub_private_repo": no_counterpart("a repo that is made for a model is private until you change that"),
    "from": same_as("data.messages.*.role"),
    "value": same_as("data.messages.*.content"),
    "system_prompt": Foreign(("data.messages",), differs="write it as its first turn, {role: system, content: …}"),
    "max_tokens": same_as("evaluate.max_new_tokens"),
    "eval": same_as("evaluate"),
    "evaluation": same_as("evaluate"),
    "push": same_as("hub.push_to_hub"),
    "resume_from_checkpoint": no_counterpart("a run begins with base_model"),
    "overwrite_output_dir": no_counterpart("each run has a folder of its own"),
    "logging_dir": no_counterpart("it stands in the run's folder"),
    "do_train": no_counterpart("`hf-recipes run` trains"),
    "do_eval": no_counterpart("with evaluate: a run measures"),
    "dataloader_num_workers": no_counterpart("the trainer chooses it"),
    "preprocessing_num_workers": no_counterpart("rows are prepared once"),
}  # fmt: skip

OTHER_VALUES: Mapping[str, Mapping[str, str]] = {
    "backend": {"gpu": "local", "cpu": "local", "cuda": "local", "localhost": "local"},
    "valid_split": {NO: "null"},
    "test_split": {NO: "null"},
    "limit": {"none": "null", "all": "null", NO: "null", "-1": "null", "no": "null"},
    "evaluate": {NO: "null", "no": "null", "none": "null", "off": "null"},
    "hub": {NO: "null", "no": "null", "none": "null", "off": "null"},
    "params": {"none": "null", "default": "null"},
    "baselines": {"rag": "retrieval", "fewshot": "few-shot", "few_shot": "few-shot", "zeroshot": "zero-shot", "zero_shot": "zero-shot"},
}  # fmt: skip
"""The last part of a key of ours → what people write for a value, in small letters → what means the same."""


def written(value: object) -> str:
    """A value as YAML has it, in small letters."""
    if value is None:
        return "null"
    return str(value).strip().lower()


def same_value(known: Field, value: object, of_engine: Mapping[str, Mapping[str, str]]) -> str | None:
    """What means the same as a value that a key of ours does not take. `of_engine`: the engine's own such table."""
    if isinstance(value, (list, dict)):
        return None
    name = known.key.removesuffix(".*").rpartition(".")[2]
    told = (of_engine.get(name) or OTHER_VALUES.get(name, {})).get(written(value))
    word = re.split(r", | and ", told)[0].strip('"') if told else ""
    fits = word in known.choices or (word == "null" and "null" in known.types) or not known.choices
    return told if fits else None


def other_name(
    name: str, value: object, known: Mapping[str, object], of_engine: Mapping[str, Foreign]
) -> str | None:
    """A hint for a name of another trainer: what to write in its place, or what is different. None for any other name.

    `value` is what stands there, None where it is no single value; `known` has the keys of the recipe's task; `of_engine` says
    what the engine's parameters are called elsewhere.
    """
    foreign = of_engine.get(name) or OTHER_NAMES.get(name)
    if foreign is None:
        return None
    key = next((key for key in foreign.keys if key in known), None)
    if key is None:
        return None if foreign.keys else f"there is none: {foreign.differs}"
    if told := foreign.values.get(written(value)):
        return f"write {told}"
    return f"did you mean {key}?" + (f" {foreign.differs}" if foreign.differs else "")
