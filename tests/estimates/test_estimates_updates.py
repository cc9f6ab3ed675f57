"""How often the weights are changed is planned as the trainer counts it, and told where it is next to nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.api.plan import make_plan, plan_as_json
from hf_recipes.api.recipes import load_recipe
from hf_recipes.catalog.machine import Gpu, Machine
from hf_recipes.engines import autotrain
from hf_recipes.engines.jobs import translate
from hf_recipes.engines.shared_facts import training_facts
from hf_recipes.estimates.updates import updates

SHIPPED = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"


def params(batch: int, accumulation: int = 1, epochs: float = 1, **more: Any) -> dict[str, Any]:
    return {"batch_size": batch, "gradient_accumulation": accumulation, "epochs": epochs, **more}


@pytest.mark.parametrize(
    ("examples", "given", "gpus", "made"),
    [
        (30, params(2, 4), 0, 3),  # 15 batches, of which 12 fill an accumulation
        (30, params(2, 4, 3), 1, 9),
        (3, params(2, 8), 1, 1),  # never none
        (100, params(8), 4, 4),
        (75, params(5), 0, 15),
        (1000, params(1), 0, 1000),
    ],
)
def test_updates_are_counted_as_the_trainer_counts_them(
    examples: int, given: dict[str, Any], gpus: int, made: int
) -> None:
    found = updates(examples, training_facts(given), gpus)
    assert found is not None and found["value"] == made
    assert ("warning" in found) is (made < 20)


def test_next_to_nothing_is_said_with_what_would_make_more() -> None:
    found = updates(30, training_facts(params(2, 4, block_size=256, trainer="sft")), 0)
    assert found is not None
    assert found["basis"] == "30 blocks, batch_size 2, gradient_accumulation 4, 1 epoch"
    assert found["warning"] == (
        "3 updates of the weights are next to nothing; a smaller params.gradient_accumulation and params.batch_size, "
        "more params.epochs or more rows make more"
    )
    assert updates(0, training_facts(params(2)), 0) is None
    assert updates(30, training_facts({"epochs": 3}), 0) is None, "what is not known is absent"


def test_a_plan_shows_the_updates_of_its_own_hardware(capsys: pytest.CaptureFixture[str]) -> None:
    from hf_recipes.cli.output import console
    from hf_recipes.cli.plan import _print

    recipe = load_recipe(SHIPPED, settings=["params.batch_size=2", "params.gradient_accumulation=4"])
    tokens = {
        "train_total": 7700,
        "blocks": 30,
        "limit": 256,
        "examples": 30,
        "kept": 7680,
        "answer_share": 0.37,
        "cut": 0,
    }
    trims = [
        {
            "code": "prompt-cut",
            "key": "params.max_prompt_length",
            "limit": 128,
            "rows": 12,
            "what": "lose the beginning of their prompt",
        }
    ]
    data = {"rows": {"train": 400}, "tokens": {**tokens, "trims": trims}, "unread": {}}
    for machine, made in ((Machine(2, 2**34), 3), (Machine(8, 2**36, (Gpu("A10G", 2**34),) * 2), 2)):
        checked = CheckedRecipe(recipe, autotrain, machine, "not asked", translate(recipe, machine))
        plan = make_plan(checked, data)
        estimated: Any = plan_as_json(plan)["estimate"]
        assert estimated["updates"]["value"] == made
    _print(plan, console(stderr=False, markup=True))
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "updates 2 of the weights (30 blocks, batch_size 2, gradient_accumulation 4, 2 GPUs, 1 epoch)"
        in shown
    )
    assert "2 updates of the weights are next to nothing" in shown
    assert "37% of the trained tokens are of answers" in shown
    assert (
        "params.max_prompt_length: 12 training rows lose the beginning of their prompt: 128 tokens are the limit"
        in shown
    )
