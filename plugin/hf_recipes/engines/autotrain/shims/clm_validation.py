"""Keeps the validation split of a language model's recipe.

AutoTrain 0.8.36 cannot validate an LLM by itself:

- `process_data_with_chat_template` throws the validation rows away, then crashes on the None it has left;
- `process_input_data` renames the prompt column of a validation split for `dpo` and `reward`, where training
  does it for `dpo` and `orpo`, so `reward` and `orpo` crash;
- `LoadBestPeftModelCallback` opens `adapter_model.bin`, which peft stopped writing: any LoRA run that validates
  crashes at its end. It is not needed: transformers' own `load_best_model_at_end` loads the best adapter.

Each is set right by treating the validation split as AutoTrain treats the training split.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any


def keep_validation(utils: ModuleType) -> None:
    """Replace three functions of `autotrain.trainers.clm.utils`, which its trainers look up in that module."""
    load, render, callbacks = (
        utils.process_input_data,
        utils.process_data_with_chat_template,
        utils.get_callbacks,
    )

    def process_input_data(config: Any) -> tuple[Any, Any]:
        return load(_training_only(config))[0], _if_validating(config, lambda split: load(split)[0])

    def process_data_with_chat_template(
        config: Any, tokenizer: Any, train: Any, valid: Any
    ) -> tuple[Any, Any]:
        plain = _training_only(config)
        rendered, _ = render(plain, tokenizer, train, None)
        return rendered, _if_validating(config, lambda split: render(split, tokenizer, valid, None)[0])

    def get_callbacks(config: Any) -> Any:
        return callbacks(_training_only(config))

    utils.process_input_data = process_input_data  # type: ignore[attr-defined]
    utils.process_data_with_chat_template = process_data_with_chat_template  # type: ignore[attr-defined]
    utils.get_callbacks = get_callbacks  # type: ignore[attr-defined]


def _training_only(config: Any) -> Any:
    return config.model_copy(update={"valid_split": None})


def _if_validating(config: Any, process: Any) -> Any:
    """What `process` makes of the validation split, dressed as the training split; None without one."""
    if config.valid_split is None:
        return None
    return process(config.model_copy(update={"train_split": config.valid_split, "valid_split": None}))


def prepare() -> None:
    from autotrain.trainers.clm import utils

    keep_validation(utils)
