"""Hardware and what it costs: every name that can be written is known, and nothing is started that nobody agreed to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import SpaceHardware

from hf_recipes.api import approval
from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.catalog.hardware import FLAVORS, machine_for
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.autotrain import table
from hf_recipes.estimates import prices
from hf_recipes.estimates.prices import Cost, Price
from hf_recipes.hub import prices as published
from hf_recipes.recipe import Recipe
from hf_recipes.recipe.problem import RecipeError

RECIPE = """\
task: llm-sft
base_model: someone/base
project_name: sums
backend: {backend}
{more}
data:
  path: someone/sums
  train_split: train
  chat_template: null
  column_mapping: {{text_column: text}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Any:
    def make(backend: str = "spaces-t4-small", more: str = "") -> Recipe:
        path = tmp_path / "recipe.yml"
        path.write_text(RECIPE.format(backend=backend, more=more))
        return load_recipe(path)

    return make


SPACES = sorted(
    {name for name in table.hardware() if name.startswith("spaces-")}
    | {f"spaces-{each.value}" for each in SpaceHardware if each.value != "zero-a10g"}
)


@pytest.mark.parametrize("backend", SPACES)
def test_every_space_of_autotrains_table_and_of_today_is_known_with_its_price(
    recipe: Any, backend: str
) -> None:
    assert recipe(backend).backend == backend
    assert machine_for(backend, Machine(1, 1)).memory > 0
    assert prices.listed_price(backend).per_hour is not None


def test_every_flavor_has_a_price_and_every_price_a_flavor() -> None:
    assert set(FLAVORS) == set(prices.PRICES)


def test_hardware_that_trains_nothing_is_a_problem_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yml"
    path.write_text(RECIPE.format(backend="spaces-zero-a10g", more=""))
    (problem,) = recipe_problems(path)
    assert problem.code == "unsupported-backend" and "no training" in problem.message


def test_the_smallest_hardware_is_free_as_a_space_alone() -> None:
    assert prices.listed_price("spaces-cpu-basic").per_hour == 0
    assert prices.listed_price("jobs-cpu-basic").per_hour == 0.01
    unknown = prices.listed_price("jobs-of-tomorrow")
    assert unknown.per_hour is None and prices.AS_OF in unknown.source


def test_what_is_not_known_is_absent_and_never_zero() -> None:
    known = prices.cost("spaces-t4-small", Price(0.4, "a list"), 7200)
    assert known.hours == 2.5 and known.dollars == 1.0
    assert prices.cost_as_json(known)["dollars"] == 1.0
    open_ended = prices.cost("spaces-t4-small", Price(0.4, "a list"), None)
    assert {"hours", "dollars"}.isdisjoint(prices.cost_as_json(open_ended))
    assert "could not be estimated" in prices.cost_in_words(open_ended)
    assert "per_hour" not in prices.cost_as_json(prices.cost("jobs-new", Price(None, "no list"), None))
    free = prices.cost("spaces-cpu-basic", Price(0.0, "a list"), None)
    assert free.dollars == 0 and not prices.above(free, None)


def cost(dollars: float | None) -> Cost:
    return Cost("t4-small", Price(1.0, "a list"), dollars)


def test_a_person_is_asked_once_above_a_limit_or_when_nobody_knows(recipe: Any) -> None:
    asked: list[str] = []

    def yes(question: str) -> bool:
        asked.append(question)
        return True

    approval.ask_approval([(recipe(), cost(4.9))], ask=yes)
    assert asked == []
    approval.ask_approval([(recipe(), cost(5.1))], ask=yes)
    approval.ask_approval([(recipe(), cost(None))], ask=yes)
    approval.ask_approval([(recipe(), cost(3.0)), (recipe(), cost(3.0))], ask=yes)
    assert len(asked) == 3
    assert "$5.10" in asked[0] and "could not be estimated" in asked[1] and "together $6.00" in asked[2]
    with pytest.raises(approval.NotAgreed, match="nothing was started"):
        approval.ask_approval([(recipe(), cost(6.0))], ask=lambda question: False)
    with pytest.raises(approval.NotAgreed, match="--yes"):
        approval.ask_approval([(recipe(), cost(6.0))], ask=None)


def test_a_recipes_own_limit_is_kept(recipe: Any) -> None:
    approval.ask_approval([(recipe(more="max_cost: 20"), cost(19.0))], ask=None)
    with pytest.raises(RecipeError, match="max_cost") as caught:
        approval.ask_approval([(recipe(more="max_cost: 2"), cost(3.0))], ask=lambda question: True)
    (problem,) = caught.value.problems
    assert problem.line == 5 and "$2 are allowed" in problem.message and "--yes" in problem.hint


def test_prices_come_from_the_hub_when_it_answers_and_from_the_dated_table_when_not(
    logged_in: Any, monkeypatch: Any
) -> None:
    today = published.price("spaces-a10g-large")
    assert today.per_hour == 1.5 and "today" in today.source
    assert published.price("jobs-h200").per_hour == 5.0
    assert published.price("spaces-cpu-basic").per_hour == 0
    logged_in.fail("GET", "/api/spaces/hardware", delay=3.0)
    assert prices.AS_OF in published.price("spaces-a10g-large", seconds=0.5).source
    logged_in.fail("GET", "/api/spaces/hardware", 500)
    assert prices.AS_OF in published.price("spaces-a10g-large").source
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert prices.AS_OF in published.price("spaces-a10g-large").source
