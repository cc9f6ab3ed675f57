"""What AutoTrain's trainers are given to read, made in the inference interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.data.form import Form
from hf_recipes.engines.autotrain.tokens import AutoTrainTokens, load_tokenizer
from hf_recipes.engines.autotrain.trainer_view import trainer_view
from hf_recipes.engines.preparation import PreparedData, TokenRules
from hf_recipes.runner.files import write_json

__all__ = ["held_out", "load_tokenizer", "token_rules", "write_settings"]

VALIDATION = 0.2
"""The share that AutoTrain holds out of local data, for every task but language models."""


if TYPE_CHECKING:
    from hf_recipes.engines.autotrain import trainer_files as itself
    from hf_recipes.engines.preparation import Preparation

    CHECKED: Preparation = itself


def token_rules(tokenizer: Any, form: Form, params: Mapping[str, Any]) -> TokenRules:
    return AutoTrainTokens(tokenizer, form, params)


def held_out(task: str) -> float:
    return 0.0 if task == "lm_training" or task in IMAGE_TASKS else VALIDATION


def write_settings(
    work: Path, project_name: str, task: str, params: Mapping[str, Any], prepared: PreparedData
) -> None:
    """work/<project_name>/training_params.json: AutoTrain's parameters, our overrides, and where base and data really are."""
    given = {**params, "token": None, "project_name": project_name, "data_path": prepared.path}
    if task == "tabular" and isinstance(given.get("target_columns"), str):
        given["target_columns"] = [given["target_columns"]]
    if prepared.converted:
        given["train_split"] = "train"
        given["valid_split"] = "validation" if prepared.validation else None
        if prepared.templated:
            given["chat_template"] = "tokenizer"
    elif prepared.image_folder:
        given |= {"image_column": "image", "target_column": "label"}
    given |= prepared.columns
    given["model"] = _seen_by_trainer(prepared.base, work)
    folder = work / project_name
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "training_params.json", given)


def _seen_by_trainer(base: str, work: Path) -> str:
    """The base as transformers 4.48 reads it right: a folder that version 5 saved gets a view in work/base."""
    folder = Path(base)
    return str(trainer_view(folder, work / "base")) if folder.is_absolute() and folder.is_dir() else base
