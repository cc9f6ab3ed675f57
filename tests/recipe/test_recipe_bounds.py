"""Numbers that nobody can mean are problems at their place, and those that people do use are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api.recipes import recipe_problems

RECIPE = """\
task: llm-sft
base_model: some/model
project_name: my-project
backend: local
data:
  path: some/data
  train_split: train
  test_split: 0.1
  messages: [{role: user, content: "{q}"}, {role: assistant, content: "{a}"}]
evaluate: {limit: null}
"""


def codes(tmp_path: Path, setting: str) -> list[str]:
    file = tmp_path / "recipe.yml"
    file.write_text(RECIPE)
    return [one.code for one in recipe_problems(file, settings=[setting], environ={})]


@pytest.mark.parametrize(
    "setting",
    [
        "evaluate.max_new_tokens=1000000000",
        "evaluate.max_new_tokens=1e9",
        "evaluate.batch_size=1000000000",
        "evaluate.shots=1000000000",
        "evaluate.passages=100000000",
        "evaluate.limit=1000000000000",
        "data.limit=100000000000000000000",
        "params.epochs=100000000000000000000",
        "params.epochs=1000000",
        "params.epochs=1e20",
        "params.epochs=1.0e+20",
        "params.batch_size=1000000000",
        "params.gradient_accumulation=1000000000",
        "params.block_size=1000000000",
        "params.lora_r=1000000000",
        "params.lr=1e20",
        "params.weight_decay=1e20",
        "params.logging_steps=10000000000000",
        "max_cost=1e300",
        "params.warmup_ratio=100",
    ],
)
def test_too_large(tmp_path: Path, setting: str) -> None:
    assert codes(tmp_path, setting) in (["out-of-range"], ["wrong-type"])


@pytest.mark.parametrize(
    "key",
    ["evaluate.limit", "evaluate.shots", "evaluate.max_new_tokens", "data.limit", "params.epochs", "params.lr",
     "params.seed", "params.block_size", "max_cost", "evaluate.require.exact_match.at_least"],
)  # fmt: skip
def test_true_and_false_are_no_numbers(tmp_path: Path, key: str) -> None:
    for value in ("true", "false", "yes"):
        assert codes(tmp_path, f"{key}={value}") == ["wrong-type"], value


@pytest.mark.parametrize(
    "setting",
    ["params.epochs=800", "params.block_size=131072", "params.lr=5", "params.seed=4294967295", "params.batch_size=4096",
     "params.max_grad_norm=1e9", "evaluate.max_new_tokens=32768", "evaluate.limit=100000", "params.warmup_ratio=0",
     "params.logging_steps=-1", "params.peft=1", "max_cost=1000"],
)  # fmt: skip
def test_what_people_use(tmp_path: Path, setting: str) -> None:
    assert codes(tmp_path, setting) == []


def test_a_learning_rate_has_no_bound_below_what_autotrain_takes(tmp_path: Path) -> None:
    """The run says what came of it: the loss rose, the gradient was 0."""
    assert codes(tmp_path, "params.lr=1e6") == []
