"""A hint leads to something that is valid and means the same, or it says what is different."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.engines.autotrain import other_names as of_autotrain
from hf_recipes.recipe.other_names import OTHER_NAMES, OTHER_VALUES

CHAT: dict[str, Any] = {
    "task": "llm-sft",
    "base_model": "some/model",
    "project_name": "my-project",
    "backend": "local",
    "data": {"path": "some/data", "train_split": "train", "chat_template": "tokenizer", "column_mapping": {"text_column": "text"}},
    "params": {"lr": 1e-4},
}  # fmt: skip
LABELS = {
    **CHAT,
    "task": "text-classification",
    "data": {"path": "some/data", "train_split": "train", "column_mapping": {"text_column": "text", "target_column": "label"}},
}  # fmt: skip


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "recipe.yml").write_text(text, encoding="utf-8")
    return tmp_path / "recipe.yml"


def hint(tmp_path: Path, recipe: dict[str, Any], more: str) -> str:
    """The hint of the only problem that there is once `more`, a line of YAML, stands under params."""
    text = yaml.safe_dump({**recipe, "params": None}).replace("params: null\n", "") + f"params:\n  {more}\n"
    (one,) = recipe_problems(write(tmp_path, text), environ={})
    return one.hint


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gradient_checkpointing: true", "write params.disable_gradient_checkpointing: false"),
        ("gradient_checkpointing: false", "write params.disable_gradient_checkpointing: true"),
        ("use_gradient_checkpointing: unsloth", "write params.disable_gradient_checkpointing: false"),
        ("fp16: true", "write params.mixed_precision: fp16"),
        ("bf16: auto", "write params.mixed_precision: bf16"),
        ("load_in_4bit: true", "write params.quantization: int4"),
        ("load_in_8bit: false", "write params.quantization: null"),
        ("quantization_bit: 8", "write params.quantization: int8"),
        ("adapter: qlora", "write params.peft: true and params.quantization: int4"),
        ("finetuning_type: full", "write params.peft: false"),
        ("full_finetuning: true", "write params.peft: false"),
        ("lora_target_linear: true", "write params.target_modules: all-linear"),
        ("micro_batch_size: 2", "did you mean params.batch_size?"),
        ("sequence_len: 2048", "did you mean params.block_size?"),
        ("cutoff_len: 2048", "did you mean params.block_size?"),
        ("random_state: 3407", "did you mean params.seed?"),
        ("warmup_steps: 100", "did you mean params.warmup_ratio? it is a share of all updates"),
        ("max_steps: 100", "did you mean params.epochs? it counts passes over the data"),
        ("save_steps: 100", "there is none: AutoTrain saves as often as it evaluates"),
        ("packing: true", "there is none"),
        ("batch_sizes: 2", "did you mean params.batch_size?"),
        ("mixed_precision: no", "write none"),
        ('mixed_precision: "no"', "did you mean none?"),
        ("mixed_precision: off", "write none"),
        ("mixed_precision: bfloat16", "did you mean bf16?"),
        ("quantization: 4bit", "did you mean int4?"),
        ("quantization: 8", "write int8"),
        ("quantization: false", "write none"),
        ("eval_strategy: no", 'write "no", in quotes'),
        ("eval_strategy: none", 'write "no", in quotes'),
        ("scheduler: none", "did you mean constant?"),
        ("peft: lora", "write true"),
        ("block_size: null", "write -1"),
        ("lr: 2e–4", "write 2e-4"),
    ],
)
def test_what_other_trainers_call_it(tmp_path: Path, line: str, said: str) -> None:
    assert said in hint(tmp_path, CHAT, line)


@pytest.mark.parametrize("line", ["batch_size: 2", "block_size: 1024", "lora_r: 16", "epochs: 2", "seed: 1"])
def test_a_flat_recipe_is_led_to_the_trainers_parameters(tmp_path: Path, line: str) -> None:
    (one,) = recipe_problems(write(tmp_path, yaml.safe_dump(CHAT) + line + "\n"), environ={})
    assert one.hint == f"did you mean params.{line.partition(':')[0]}?"


def test_the_case_of_a_flat_recipe_names_a_right_key_for_each_of_its_own(tmp_path: Path) -> None:
    flat = {"data_path": "data.path", "hub_model": "hub.username", "learning_rate": "params.lr", "num_epochs": "params.epochs",
            "text_column": "data.column_mapping.text_column", "train_split": "data.train_split", "chat_template": "data.chat_template",
            "target_modules": "params.target_modules", "peft": "params.peft", "warmup_ratio": "params.warmup_ratio"}  # fmt: skip
    text = "task: llm:sft\n" + "".join(f"{name}: x\n" for name in flat)
    said = {
        one.message.partition(":")[0]: one.hint for one in recipe_problems(write(tmp_path, text), environ={})
    }
    for name, key in flat.items():
        assert said[name].startswith(f"did you mean {key}?"), (name, said[name])
    assert said["task"].startswith("did you mean llm-sft?")


@pytest.mark.parametrize("recipe", [CHAT, LABELS], ids=["chat", "labels"])
def test_every_hint_for_another_trainers_name_is_valid(tmp_path: Path, recipe: dict[str, Any]) -> None:
    """What `write …` says is written, and the recipe is right then."""
    for name, foreign in {**OTHER_NAMES, **of_autotrain.OTHER_NAMES}.items():
        for value in foreign.values:
            told = hint(tmp_path, recipe, f"{name}: {value}")
            if not (match := re.fullmatch(r"write (.*)", told)):
                continue
            settings = [part.replace(": ", "=") for part in match[1].split(" and ")]
            if settings[0].startswith("task") or "log=wandb" in settings:
                continue
            assert (
                recipe_problems(write(tmp_path, yaml.safe_dump(recipe)), settings=settings, environ={}) == []
            ), (
                name,
                told,
            )


def test_every_hint_for_a_value_is_valid(tmp_path: Path) -> None:
    for name, values in {**OTHER_VALUES, **of_autotrain.OTHER_VALUES}.items():
        key = next((one for one in (f"params.{name}", f"data.{name}", name) if one in {*KEYS}), None)
        if key is None:
            continue
        for value in values:
            (one,) = recipe_problems(
                write(tmp_path, yaml.safe_dump(CHAT)), settings=[f"{key}={value}"], environ={}
            )
            told = re.search(r"(?:write|did you mean) (\"?[\w-]+\"?)", one.hint)
            assert told, (key, value, one)
            assert (
                recipe_problems(
                    write(tmp_path, yaml.safe_dump(CHAT)), settings=[f"{key}={told[1]}"], environ={}
                )
                == []
            )


KEYS = (
    "params.mixed_precision", "params.quantization", "params.padding", "params.eval_strategy", "params.optimizer",
    "params.scheduler", "params.distributed_backend", "params.peft", "params.block_size", "log", "evaluate", "hub",
)  # fmt: skip


def test_keys_that_begin_with_x_are_free_for_anchors(tmp_path: Path) -> None:
    text = "x-common: &common {lr: 1e-3, epochs: 2}\nx-note: ${NOT_SET} is not read\n"
    text += yaml.safe_dump({**CHAT, "params": None}).replace(
        "params: null", "params: {<<: *common, epochs: 3}"
    )
    recipe = load_recipe(write(tmp_path, text), environ={})
    assert recipe.params == {"lr": 1e-3, "epochs": 3}
    (one,) = recipe_problems(write(tmp_path, text + "data-x: 1\n"), environ={})
    assert one.code == "unknown-key"
    (one,) = recipe_problems(write(tmp_path, text.replace("{<<", "{x-more: 1, <<")), environ={})
    assert one.code == "unknown-key", "at the top alone"
