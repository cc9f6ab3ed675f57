"""The plan's document: what DESIGN promises scripts, with what could not be read named and never a zero."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.api.plan import make_plan, plan_as_json
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines import autotrain
from hf_recipes.engines.jobs import translate
from hf_recipes.estimates.model_size import read_base

SHIPPED = Path(__file__).resolve().parents[2] / "recipes"
HERE = Machine(cores=2, memory=16 * 1024**3)


def document(name: str, data: dict[str, object]) -> dict[str, object]:
    recipe = load_recipe(SHIPPED / name / "recipe.yml")
    assert autotrain.check_recipe(recipe, HERE) == []
    base = read_base(recipe.base_model)
    job = translate(recipe, HERE, base if not isinstance(base, str) else None)
    answer: dict[str, object] = json.loads(
        json.dumps(plan_as_json(make_plan(CheckedRecipe(recipe, autotrain, HERE, base, job), data)))
    )
    return answer


def test_the_document_holds_what_scripts_rely_on() -> None:
    found = document(
        "ingredient-parser", {"rows": {"train": 800}, "tokens": {"train_total": 50_000}, "unread": {}}
    )
    assert (found["engine"], found["backend"]) == ("autotrain", "local")
    params, overrides, estimated = found["params"], found["overrides"], found["estimate"]
    assert isinstance(params, dict) and isinstance(overrides, dict) and isinstance(estimated, dict)
    assert params["token"] is None and set(overrides["data_path"]) == {"value", "why"}
    assert found["data"]["rows"] == {"train": 800}  # type: ignore[index]
    assert estimated["note"] == "estimate" and estimated["time"]["tokens"] == 50_000


@pytest.mark.parametrize("name", ["text-to-sql", "recipe-assistant"])
def test_without_the_hub_a_plan_names_what_it_could_not_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = document(name, {"unread": {"data": "the Hub cannot be reached"}})
    assert found["estimate"] == {"note": "estimate"}
    assert set(found["data"]["unread"]) == {"data", "base_parameters"}  # type: ignore[index]
    assert found["params"]
