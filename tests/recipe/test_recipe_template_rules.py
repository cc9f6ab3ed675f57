"""Messages' templates: `data.system: fold` and what it does not go with; what stands for a variable's name as text."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.data.messages import columns_in, fill

RECIPE = """\
task: llm-sft
base_model: owner/name
project_name: tiny
backend: local
data:
  path: owner/rows
  train_split: train
  test_split: 0.1
  system: {system}
  messages:
    - {{role: system, content: "{content}"}}
    - {{role: user, content: "{{q}}"}}
    - {{role: assistant, content: "{{a}}"}}
evaluate: {{baseline_system: "Say warm or cold."}}
"""


@pytest.mark.parametrize(
    ("system", "content", "said"),
    [
        ("fold", "Warm or cold?", ""),
        ("turn", "Tables: {t}", ""),
        ("fold", "Tables: {t}", "evaluate.baseline_system: can't take the place of system turns"),
        ("merge", "Warm or cold?", "data.system"),
    ],
)
def test_folding_a_system_turn(tmp_path: Path, system: str, content: str, said: str) -> None:
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(RECIPE.format(system=system, content=content))
    found = recipe_problems(recipe)
    assert bool(found) == bool(said) and all(said in str(one) for one in found), found
    if not said:
        assert load_recipe(recipe).data.system == system


def test_a_variable_written_out_is_text_and_no_column(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(RECIPE.format(system="turn", content="What does `cd $${HOME}` do? {t}"))
    template = load_recipe(recipe).data.messages[0].content
    assert columns_in([template]) == ("t",)
    assert fill(template, {"t": "Now."}) == "What does `cd ${HOME}` do? Now."
