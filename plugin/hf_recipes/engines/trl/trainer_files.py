"""What TRL's trainer is given to read, made in the inference interpreter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.data.columns import CHAT_TEMPLATES
from hf_recipes.data.form import Form
from hf_recipes.engines.chat_tokenizer import chat_tokenizer
from hf_recipes.engines.preparation import PreparedData, TokenRules
from hf_recipes.engines.trl.tokens import TrlTokens
from hf_recipes.runner.files import write_json

SETTINGS = "trl.json"
"""In the run's work folder: what training/fit.py reads."""

if TYPE_CHECKING:
    from hf_recipes.engines.preparation import Preparation
    from hf_recipes.engines.trl import trainer_files as itself

    CHECKED: Preparation = itself


def load_tokenizer(base: str, params: Mapping[str, Any], *, trust_remote_code: bool) -> Any:
    """Raises whatever transformers raises, and ValueError for a tokenizer by which no turn's tokens can be told apart."""
    tokenizer = chat_tokenizer(base, trust_remote_code=trust_remote_code, special={})
    if params.get("train_on") != "all" and not tokenizer.is_fast:
        raise ValueError(
            "it does not tell which letters a token stands for, which params.train_on needs; write train_on: all"
        )
    return tokenizer


def token_rules(tokenizer: Any, form: Form, params: Mapping[str, Any]) -> TokenRules:
    return TrlTokens(tokenizer, form, params)


def held_out(task: str) -> float:
    return 0.0


def write_settings(
    work: Path, project_name: str, task: str, params: Mapping[str, Any], prepared: PreparedData
) -> None:
    conversations = prepared.templated or params.get("chat_template") in CHAT_TEMPLATES
    settings = {
        "base": prepared.base,
        "data": prepared.path,
        "validation": prepared.validation,
        "params": {**params, "token": None, "text_column": prepared.columns["text_column"]},
        "conversations": conversations,
        "into": project_name,
    }
    write_json(work / SETTINGS, settings)
