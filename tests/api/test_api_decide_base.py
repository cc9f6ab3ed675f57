""" "Can it be tuned?" is not answered with yes where the base, its tokenizer or its template has just failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes import record
from hf_recipes.api import decide
from hf_recipes.api.checked import check_recipes
from hf_recipes.api.recipes import load_recipe
from hf_recipes.record.state import Reason, State

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"


@pytest.mark.parametrize(
    ("reason", "said", "tunable", "told"),
    [
        (Reason.BASE_MODEL_UNAVAILABLE, "some/model: the model needs code of its own", False, "reasons"),
        (Reason.DATA_INVALID, "train.jsonl:1: the chat template refuses it", None, "unasked"),
        (Reason.CANCELLED, "cancelled", True, "none"),
    ],
)
def test_what_failed_while_measuring_is_taken_into_the_answer(
    tmp_path: Path, reason: Reason, said: str, tunable: bool | None, told: str
) -> None:
    recipe = load_recipe(RECIPE)
    run = record.create(decide.check_measurable(recipe).job, recipe.text, tmp_path / "runs")
    record.end(
        run, State.CANCELLED if reason is Reason.CANCELLED else State.FAILED, reason, f"{said}; log: x"
    )
    found = decide.decision_document(decide.check_measurable(recipe), run)["tunable"]
    assert found["tunable"] is tunable
    assert (said in str(found.get(told, ""))) == (told != "none")
    assert "log: x" not in str(found)


def test_what_plan_could_not_load_is_a_reason(tmp_path: Path) -> None:
    found = decide.tunability_as_json(
        check_recipes([load_recipe(RECIPE)], to_run=False)[0], "base: its tokenizer cannot be loaded"
    )
    assert found["tunable"] is False and "tokenizer cannot be loaded" in str(found["reasons"])
