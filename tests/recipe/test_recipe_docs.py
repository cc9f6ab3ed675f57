"""What docs/recipe.md shows is right as it stands."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe
from hf_recipes.engines.shared_schema import PARAMETER_KEYS
from hf_recipes.engines.trl.parameters import SHARED, TWINS
from hf_recipes.recipe.fields import METRIC_OPTIONS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "recipe.md"
RECIPE = """\
task: llm-sft
base_model: bundled/smollm2-135m-instruct
project_name: my-project
backend: local
data:
  path: someone/data
  train_split: train
  test_split: 0.1
  messages: [{role: user, content: "{q}"}, {role: assistant, content: "{a}"}]
"""
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"(?:^    .*\n)+", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    if block.startswith("    evaluate:")
]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_of_evaluate_is_right(tmp_path: Path, block: str) -> None:
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "a.md").write_text("text")
    file = tmp_path / "recipe.yml"
    file.write_text(RECIPE + block)
    assert load_recipe(file, environ={"OPENAI_API_KEY": "x"}).evaluate


def test_metrics_are_shown_with_their_options(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yml"
    (block,) = (block for block in BLOCKS if "  metrics:" in block)
    file.write_text(RECIPE + block)
    evaluate = load_recipe(file, environ={"OPENAI_API_KEY": "x"}).evaluate
    assert evaluate is not None
    shown = {option for metric in evaluate.metrics for option in metric.options}
    assert shown == {*(option for options in METRIC_OPTIONS.values() for option in options)} - {
        "database",
        "timeout",
    }


def test_every_parameter_has_its_row_in_the_table_of_trl() -> None:
    section = DOCS.read_text(encoding="utf-8").partition("## engine: trl")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    shown = {name for cell, _ in rows for name in re.findall(r"`(\w+)`", cell)}
    elsewhere = {*PARAMETER_KEYS, "text_column", "prompt_text_column", "rejected_text_column"}
    assert shown == {parameter.name for parameter in SHARED} - elsewhere
    for name, twin in TWINS.items():
        if twin.name in shown:
            assert any(f"`{twin.name}`" in ours and f"`{name}`" in theirs for ours, theirs in rows), name
