"""The schema that editors use agrees with validation; one key explained."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hf_recipes.api.recipes import explain_field, recipe_json_schema
from hf_recipes.engines.registry import engine_schemas
from hf_recipes.recipe.explain import UnknownField
from hf_recipes.recipe.fields import common, fields_for

SCHEMA = engine_schemas()["autotrain"]

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.yml"))
SHIPPED = sorted((Path(__file__).parents[2] / "recipes").glob("*/recipe.yml"))
# Values that AutoTrain reads loosely; an editor may well underline them.
LOOSE = "llm-loose-types"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = recipe_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(
    "file", [one for one in SHIPPED + CONFIGS if one.stem != LOOSE], ids=lambda file: file.stem
)
def test_recipes_are_right_under_the_schema_and_misspelt_ones_are_not(
    validator: jsonschema.Draft202012Validator, file: Path
) -> None:
    recipe: dict[str, Any] = yaml.safe_load(file.read_text())
    assert [error.message for error in validator.iter_errors(recipe)] == []
    for path in (
        ["bakend"],
        ["params", "learning_rate"],
        ["data", "column_mapping", "txt_column"],
        ["hub", "tokn"],
    ):
        misspelt = copy.deepcopy(recipe)
        node = misspelt
        for name in path[:-1]:
            node[name] = node.get(name) or {}
            node = node[name]
        node[path[-1]] = "x"
        assert not validator.is_valid(misspelt), path


@pytest.mark.parametrize(
    "change",
    [
        {"task": "llm-sff"},
        {"task": None},
        {"params": {"lr": 0}},
        {"params": {"lr": "fast"}},
        {"params": {"epochs": 1.5}},
        {"params": {"quantization": "int3"}},
        {"params": {"max_seq_length": 5}},
        {"project_name": "a_b"},
        {"hub": {"token": "literal"}},
        {"engine": "axolotl"},
        {"data": []},
    ],
    ids=str,
)
def test_what_validation_refuses_the_schema_refuses(
    validator: jsonschema.Draft202012Validator, change: dict[str, Any]
) -> None:
    recipe = yaml.safe_load((Path(__file__).parent / "configs/llm-sft.yml").read_text())
    assert not validator.is_valid({**recipe, **change})


@pytest.mark.parametrize(
    ("metric", "right"),
    [
        ("rougeL", True),
        ({"name": "macro_f1"}, True),
        ({"name": "json_f1", "options": {"fields": ["a"]}}, True),
        (
            {"name": "judge", "options": {"base_url": "http://127.0.0.1", "model": "m", "api_key": "${KEY}"}},
            True,
        ),
        ({"name": "json_f1", "options": {"tolerance": 1}}, False),
        (
            {"name": "judge", "options": {"base_url": "http://127.0.0.1", "model": "m", "api_key": "sk-1"}},
            False,
        ),
        ({"name": "judge", "options": {"model": "m"}}, False),
        ({"name": "number_match", "options": {"tolerance": -1}}, False),
        ("judge", False),
        ("rouge_l", False),
        ({"options": {}}, False),
    ],
    ids=str,
)
def test_a_metric_has_its_own_options(
    validator: jsonschema.Draft202012Validator, metric: Any, right: bool
) -> None:
    recipe = yaml.safe_load((Path(__file__).parent / "configs/llm-sft.yml").read_text())
    assert validator.is_valid({**recipe, "evaluate": {"metrics": [metric]}}) is right


def test_the_metrics_are_listed_where_they_are_explained() -> None:
    assert "macro_f1" in explain_field("evaluate.metrics") and "sql_execution" in explain_field(
        "evaluate.metrics"
    )
    assert "number_match" in explain_field("evaluate.metrics.0.options.tolerance")


def test_every_key_can_be_explained() -> None:
    for key in fields_for(SCHEMA, None):
        text = explain_field(key)
        assert "type:" in text and "meaning:" in text and "source:" in text


def test_editors_complete_backends_and_mark_what_validation_refuses(
    validator: jsonschema.Draft202012Validator,
) -> None:
    recipe = yaml.safe_load((SHIPPED[0].parents[1] / "ingredient-parser" / "recipe.yml").read_text("utf-8"))
    for right in ("local", "spaces-t4-small", "jobs-a10g-large", "${WHERE}"):
        assert validator.is_valid({**recipe, "backend": right}), right
    for wrong in ("Local", "gpu", "dgx-a100", ""):
        assert not validator.is_valid({**recipe, "backend": wrong}), wrong
    assert not validator.is_valid({**recipe, "evaluate": {"metrics": []}})


def test_the_keys_below_one_are_those_of_the_task_that_was_asked_for() -> None:
    assert "num_trials" in explain_field("params", "tabular") and "lora_r" not in explain_field(
        "params", "tabular"
    )
    assert "lora_r" in explain_field("params", "llm-sft") and "num_trials" not in explain_field(
        "params", "llm-sft"
    )
    assert "role, content" in explain_field("data.messages")
    with pytest.raises(UnknownField, match=r"did you mean data\.messages\.0\.role\?"):
        explain_field("data.messages.role")


def test_the_page_on_recipes_has_a_row_for_every_key_that_is_ours() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "recipe.md").read_text("utf-8")
    rows = {
        key.replace("<metric>", "exact_match")
        for line in page.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    ours = {key for key, field in common(SCHEMA).items() if field.source == "hf-recipes" and "*" not in key}
    bounds = {key for key in ours if key.startswith("evaluate.require.") and ".exact_match." not in key}
    above = {key for key in ours if any(other.startswith(f"{key}.") for other in ours)}
    spelled = {key for key in ours if key.startswith(("evaluate.reference.", "evaluate.server."))}
    assert ours - bounds - above - spelled - rows == set()
    assert not {key for key in rows if "." in key} - set(fields_for(SCHEMA, None))


def test_a_key_explained() -> None:
    assert explain_field("params.lr", "llm-sft").split("\n", 2)[2].split("\n") == [
        "  type:     a number",
        "  default:  3e-05",
        "  meaning:  Learning rate for training",
        "  allowed:  more than 0",
        "  tasks:    lm_training",
        "  source:   AutoTrain 0.8.36 LLMTrainingParams",
    ]
    assert "5e-05" in explain_field("params.lr") and "3e-05" in explain_field("params.lr")


@pytest.mark.parametrize(
    ("key", "task", "said"),
    [
        ("params.learning_rate", None, "did you mean params.lr?"),
        ("lr", None, "did you mean params.lr?"),
        ("params.lora_r", "text-classification", "no such key for text-classification"),
        ("params.lr", "llm-sff", "did you mean llm-sft?"),
    ],
)
def test_an_unknown_key_is_answered_with_a_hint(key: str, task: str | None, said: str) -> None:
    with pytest.raises(UnknownField, match=said.replace("?", r"\?")):
        explain_field(key, task)
