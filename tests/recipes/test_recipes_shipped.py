"""Every recipe that ships is valid here and now."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems

ROOM = Path(__file__).parents[2] / "recipes"
# What a person sets before pushing; a recipe may name these.
ENVIRON = {"HF_USERNAME": "someone", "HF_TOKEN": "not-a-token"}
SHIPPED = sorted(ROOM.glob("*/recipe.yml"))


def test_the_quickstart_recipe_ships() -> None:
    assert ROOM / "ingredient-parser/recipe.yml" in SHIPPED


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.parent.name)
def test_a_shipped_recipe_is_valid_and_says_what_it_is_for(file: Path) -> None:
    assert recipe_problems(file, environ=ENVIRON) == []
    recipe = load_recipe(file, environ=ENVIRON)
    assert recipe.project_name == file.parent.name
    assert recipe.use_case is not None and recipe.use_case.goal and recipe.use_case.success
    assert recipe.evaluate is not None
    assert len(recipe.compare.examples) >= 2
    assert not recipe.trust_remote_code
    assert (file.parent / "README.md").is_file()


def test_the_quickstart_runs_anywhere_and_must_beat_its_base() -> None:
    recipe = load_recipe(ROOM / "ingredient-parser/recipe.yml")
    assert (recipe.backend, recipe.base_model) == ("local", "bundled/smollm2-135m-instruct")
    assert recipe.params["peft"] is True
    assert recipe.params["quantization"] is None
    assert recipe.evaluate is not None
    assert set(recipe.evaluate.baselines) == {"zero-shot", "few-shot", "retrieval"}
    assert recipe.evaluate.limit is None
    bound = recipe.evaluate.require["exact_match"]
    # Three seeds came to 94.1 to 95.9 %.
    assert (bound.at_least, bound.better_than) == (0.9, "best_baseline")
