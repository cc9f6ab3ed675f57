"""`params.target_modules` in every usual writing is what AutoTrain takes: names with commas and no spaces, or all-linear."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.engines import autotrain

RECIPE = """\
task: {task}
base_model: some/model
project_name: my-project
backend: local
data: {{path: someone/data, train_split: train, column_mapping: {columns}}}
params:
  peft: true
  target_modules: {written}
"""


def write(tmp_path: Path, written: str, task: str = "llm-sft") -> Path:
    columns = "{text_column: text}" if task == "llm-sft" else "{text_column: text, target_column: label}"
    text = RECIPE.format(task=task, columns=columns, written=written)
    text = text.replace(
        "train_split: train,", "train_split: train, chat_template: tokenizer,", task == "llm-sft"
    )
    (tmp_path / "recipe.yml").write_text(text)
    return tmp_path / "recipe.yml"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("q_proj,v_proj", "q_proj,v_proj"),
        ("'q_proj, v_proj'", "q_proj,v_proj"),
        ("' q_proj ,v_proj, '", "q_proj,v_proj"),
        ("q_proj v_proj", "q_proj,v_proj"),
        ("q_proj; v_proj", "q_proj,v_proj"),
        ("[q_proj, v_proj]", "q_proj,v_proj"),
        ("\n    - q_proj\n    - v_proj", "q_proj,v_proj"),
        ("['q_proj, v_proj']", "q_proj,v_proj"),
        ("\"['q_proj', 'v_proj']\"", "q_proj,v_proj"),
        ("\"('q_proj', 'v_proj')\"", "q_proj,v_proj"),
        ("q_proj", "q_proj"),
        ("self_attn.q_proj", "self_attn.q_proj"),
        ("all-linear", "all-linear"),
        ("All Linear", "all-linear"),
        ("all_linear", "all-linear"),
        ("all", "all-linear"),
        ("[all-linear]", "all-linear"),
        ("null", None),
        ("''", ""),
    ],
)
def test_it_is_read_as_it_is_meant(tmp_path: Path, written: str, expected: str | None) -> None:
    assert autotrain.resolve(load_recipe(write(tmp_path, written)))["target_modules"] == expected


@pytest.mark.parametrize(
    ("written", "task", "said"),
    [
        ("'.*_proj'", "llm-sft", "is a pattern, and names alone are taken"),
        (r"'.*\.(q|v)_proj$'", "llm-sft", "is a pattern"),
        ("(q|v)_proj", "llm-sft", "is a pattern"),
        ("[all-linear, lm_head]", "llm-sft", "all-linear stands beside names"),
        ("[]", "llm-sft", "is empty"),
        ("''", "seq2seq", "is empty"),
        ("{q_proj: true}", "llm-sft", "must be text or null or a list of texts"),
        ("[1, 2]", "llm-sft", "must be"),
        ("q_proj=1", "llm-sft", "is no list of modules' names"),
    ],
)
def test_what_has_no_such_meaning_is_a_problem(tmp_path: Path, written: str, task: str, said: str) -> None:
    (one,) = recipe_problems(write(tmp_path, written, task))
    assert (one.line, one.column) == (8, 3) and said in one.message and one.hint
