"""Recipes against the installed AutoTrain: its parameter classes, its task names, its way with loosely typed values."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.engines.autotrain import table
from hf_recipes.engines.autotrain.schema import PARAMETER_KEYS, RANGES, task_fields
from hf_recipes.engines.registry import engine_schemas
from hf_recipes.recipe.fields import fields_for
from hf_recipes.recipe.kinds import Mismatch, coerced

SCHEMA = engine_schemas()["autotrain"]

HERE = Path(__file__).parent
TABLE = Path(table.__file__).with_name("params.json")
CONFIGS = sorted((HERE.parent / "recipe" / "configs").glob("*.yml"))
ENVIRON = {"HF_USERNAME": "someone", "HF_TOKEN": "not-a-token"}
# fmt: off
LOOSE_VALUES = [
    0, 1, 2, -1, 1.0, 1.5, 0.0, -0.0, 1e300, 2**63, 2**70, True, False, None, [], [1], ["1"], ["a"], [1.5], [True], {},
    "", " ", "0", "1", "-1", "+1", " 1 ", "\t1\n", "1.", "1.0", "1.50", ".5", "00", "01", "0x10", "1_000", "1__0", "_1",
    "1_", "1e3", "2e-4", "2E-4", "1_0.5", "1_0e1_0", "1.5_0", "1.0e0", "1,0", "++1", "+ 1", "inf", "-Infinity", "nan",
    "1e400", "true", "TRUE", " true", "t", "tru", "yes", "Y", "off", "n", "none", "null", "9" * 30, "\u0663",
]
# fmt: on


def test_the_committed_table_is_what_the_installed_autotrain_says(
    autotrain_python: Path, tmp_path: Path
) -> None:
    made = tmp_path / "table.json"
    # Not from the checkout: AutoTrain's modules would find ours.
    subprocess.run(
        [autotrain_python, HERE / "autotrain_table.py", made], check=True, cwd=tmp_path, capture_output=True
    )
    assert TABLE.read_text() == made.read_text(), "make it anew: see tests/engines/autotrain_table.py"


def test_values_become_what_pydantic_makes_of_them(autotrain_python: Path) -> None:
    types = sorted({"|".join(one.types) for task in table.tasks() for one in table.engine_parameters(task)})
    asked = json.dumps({"types": types, "values": LOOSE_VALUES})
    answer = subprocess.run(
        [autotrain_python, HERE / "pydantic_coercions.py"],
        input=asked,
        text=True,
        check=True,
        capture_output=True,
    )
    theirs = json.loads(answer.stdout)
    for name in types:
        for value, expected in zip(LOOSE_VALUES, theirs[name], strict=True):
            try:
                ours = ["ok", repr(coerced(value, tuple(name.split("|"))))]
            except Mismatch:
                ours = ["refused", ""]
            assert ours == expected, (name, value)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_a_config_of_autotrains_is_a_valid_recipe(config: Path) -> None:
    assert recipe_problems(config, environ=ENVIRON) == []


def test_the_configs_cover_every_task_and_trainer() -> None:
    covered = {
        (recipe.task, recipe.trainer)
        for recipe in (load_recipe(config, environ=ENVIRON) for config in CONFIGS)
    }
    named = set(table.task_names().values())
    assert named <= covered


def test_loosely_written_values_are_typed() -> None:
    recipe = load_recipe(HERE.parent / "recipe/configs/llm-loose-types.yml", environ=ENVIRON)
    assert recipe.params == {
        "block_size": [512, 1024],
        "epochs": 3,
        "batch_size": 4,
        "lr": 2e-4,
        "peft": True,
        "merge_adapter": False,
        "logging_steps": 10,
        "seed": 42,
        "dpo_beta": 1.0,
        "weight_decay": 0.01,
        "mixed_precision": None,
        "padding": "left",
        "eval_strategy": "no",
    }
    assert {name: type(recipe.params[name]) for name in ("epochs", "dpo_beta", "lr")} == {
        "epochs": int,
        "dpo_beta": float,
        "lr": float,
    }


def test_every_parameter_of_autotrains_has_a_place_in_a_recipe() -> None:
    for task in table.tasks():
        for parameter in table.engine_parameters(task):
            keys = (f"params.{parameter.name}", f"data.column_mapping.{parameter.name}")
            assert PARAMETER_KEYS.get(parameter.name) in fields_for(SCHEMA, task) or any(
                key in task_fields(task) for key in keys
            )


def test_every_default_of_autotrains_is_within_our_ranges() -> None:
    from hf_recipes.recipe.check import within

    for task in table.tasks():
        for field in task_fields(task).values():
            if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
                assert within(field.default, field), field.key
            if field.choices and field.default is not None:
                assert field.default in field.choices, field.key
    known = {parameter.name for task in table.tasks() for parameter in table.engine_parameters(task)}
    assert set(RANGES) <= known
