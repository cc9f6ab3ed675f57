"""Recipe → a config that TRL's own command reads: what `trl sft --config config.yml` trains without us."""

from __future__ import annotations

from collections.abc import Mapping

from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.conversion import must_be_converted
from hf_recipes.engines.llm_limit import DEFAULT_BLOCK
from hf_recipes.engines.trl.parameters import alone, trl_version
from hf_recipes.engines.trl.settings import resolve_settings
from hf_recipes.recipe.model import Recipe

HEADER = f"""\
# A plain TRL config, written by `hf-recipes export`. Run it from this folder, in an environment that has trl {trl_version()}:
#   trl sft --config config.yml
"""
MARKS = """\
# assistant_only_loss needs a chat template that marks the assistant's turns. TRL brings one for the usual families; where it
# knows none, it says so and ends. hf-recipes itself finds the turns in any template.
"""
DATA_FOLDER = "data"


def export_needs_data(recipe: Recipe) -> bool:
    """Whether rows must be converted for TRL to read them: DATA_FOLDER goes with the config then."""
    return must_be_converted(recipe.data)


def export(recipe: Recipe, machine: Machine, *, base_model: str) -> Mapping[str, str]:
    """config.yml."""
    import yaml

    settled = resolve_settings(recipe, machine, None).settled
    config = {**_data(recipe), **_model(settled, base_model, recipe), **_training(settled, recipe)}
    note = MARKS if config.get("assistant_only_loss") else ""
    text: str = yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=110)
    return {"config.yml": HEADER + note + text}


def _data(recipe: Recipe) -> dict[str, object]:
    converted = export_needs_data(recipe)
    found: dict[str, object] = {
        "dataset_name": DATA_FOLDER if converted else recipe.data.path,
        "dataset_train_split": "train" if converted else recipe.data.train_split,
    }
    if recipe.data.valid_split is not None:
        found["dataset_test_split"] = "validation" if converted else recipe.data.valid_split
    return found


def _model(settled: Mapping[str, object], base_model: str, recipe: Recipe) -> dict[str, object]:
    found: dict[str, object] = {
        "model_name_or_path": base_model,
        "dtype": "float32",
        "trust_remote_code": recipe.trust_remote_code,
    }
    if not settled["peft"]:
        return found
    targets = str(settled["target_modules"] or "all-linear")
    return {
        **found,
        "use_peft": True,
        "lora_r": settled["lora_r"],
        "lora_alpha": settled["lora_alpha"],
        "lora_dropout": settled["lora_dropout"],
        "lora_target_modules": targets.split(","),
        "load_in_4bit": settled["quantization"] == "int4",
        "load_in_8bit": settled["quantization"] == "int8",
    }


def _training(settled: Mapping[str, object], recipe: Recipe) -> dict[str, object]:
    length = settled["block_size"]
    validated = recipe.data.valid_split is not None
    return {
        "output_dir": recipe.project_name,
        "report_to": recipe.log,
        "seed": settled["seed"],
        "learning_rate": settled["lr"],
        "num_train_epochs": settled["epochs"],
        "per_device_train_batch_size": settled["batch_size"],
        "gradient_accumulation_steps": settled["gradient_accumulation"],
        "max_length": length if isinstance(length, int) and length > 0 else DEFAULT_BLOCK,
        "packing": settled["packing"],
        "assistant_only_loss": settled["train_on"] != "all",
        "optim": settled["optimizer"],
        "lr_scheduler_type": settled["scheduler"],
        "warmup_steps": settled["warmup_ratio"]
        if settled["warmup_steps"] is None
        else settled["warmup_steps"],
        "weight_decay": settled["weight_decay"],
        "max_grad_norm": settled["max_grad_norm"],
        "logging_steps": settled["logging_steps"],
        "gradient_checkpointing": not settled["disable_gradient_checkpointing"],
        "bf16": settled["mixed_precision"] == "bf16",
        "fp16": settled["mixed_precision"] == "fp16",
        "eval_strategy": settled["eval_strategy"] if validated else "no",
        "save_strategy": "no",
        **{
            parameter.name: recipe.params[parameter.name]
            for parameter in alone()
            if parameter.name in recipe.params and parameter.name not in ("packing", "warmup_steps")
        },
    }
