"""`hf-recipes check` as a person types it, on real files."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes.api.check_data import Quality
from hf_recipes.cli.check import quality_lines

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")
RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TOKEN = "hf_" + "a1B2c3D4e5" * 3
RECIPE = """\
task: llm-sft
base_model: nobody-here/no-such-model
project_name: checked
log: none
backend: local
data:
  path: data
  train_split: train
  test_split: test
  chat_template: chatml
  messages:
    - {role: user, content: "{q}"}
    - {role: assistant, content: "{a}"}
params: {peft: true, quantization: null, block_size: 128}
"""


def check(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HF_RECIPES), "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )


def rows(count: int, start: int = 0) -> list[dict[str, object]]:
    draw = random.Random(start)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return [{"q": " ".join("".join(draw.choices(letters, k=6)) for _ in range(10)), "a": f"answer {row}"} for row in range(count)]  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    write(tmp_path, "train", rows(60))
    write(tmp_path, "test", rows(100, start=1))
    (tmp_path / "recipe.yml").write_text(RECIPE)
    return tmp_path / "recipe.yml"


def write(folder: Path, split: str, values: list[dict[str, object]]) -> None:
    text = "".join(json.dumps(value) + "\n" for value in values)
    (folder / "data" / f"{split}.jsonl").write_text(text)


def test_good_data_is_said_to_be_and_what_could_not_be_read_is_named(recipe: Path) -> None:
    done = check("recipe.yml", cwd=recipe.parent)
    assert done.returncode == 0, done.stderr
    assert "train       60 rows" in done.stdout and "test        100 rows" in done.stdout
    assert "No problems, no warnings." in done.stdout
    assert (
        "not read    tokens: nobody-here/no-such-model: there is no such folder here; the Hub cannot be reached"
        in done.stdout
    )


def test_problems_and_warnings_stand_apart_with_file_and_line(recipe: Path) -> None:
    values = rows(60)
    values[3]["a"] = ""
    values[5]["a"] = f"it is {TOKEN}"
    values[8] = values[7]
    values[9]["unused"] = "write to ada@engine.org"
    write(recipe.parent, "train", values)
    done = check("recipe.yml", cwd=recipe.parent)
    assert done.returncode == 2
    problems, _, warnings = done.stdout.partition("\nProblems")[2].partition("\nWarnings")
    assert "data/train.jsonl:4:1: the assistant's turn is empty" in problems
    assert "data/train.jsonl:6:1: a Hugging Face token stands in column 'a'" in problems
    assert "data/train.jsonl:9:1: the same row stands before, at line 8" in warnings
    assert "data/train.jsonl:10:1: an e-mail address stands in column 'unused'" in warnings
    assert "recipe.yml:11:3: data.messages: 1 column of the data is not used: 'unused'" in warnings
    assert TOKEN not in done.stdout + done.stderr and "ada@" not in done.stdout + done.stderr


def test_json_is_one_document_with_the_same_exit_code(recipe: Path) -> None:
    write(recipe.parent, "train", [*rows(40), *rows(40)])
    done = check("recipe.yml", "--json", cwd=recipe.parent)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["problems"] == []
    assert found["totals"]["duplicate"] == 40 and found["doubles"]["duplicate"] == 40
    assert len([one for one in found["warnings"] if one["code"] == "duplicate"]) == 20
    assert {"file", "line", "column", "code", "message", "hint"} == set(found["warnings"][0])
    assert found["needed"]["rows"] == 50 and "OpenAI" in found["needed"]["source"]
    write(recipe.parent, "train", [{"q": "", "a": "x"}])
    done = check("recipe.yml", "--json", cwd=recipe.parent)
    assert done.returncode == 2 and json.loads(done.stdout)["totals"]["bad-row"] == 1


def test_data_that_cannot_be_reached_is_named_and_is_no_success(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("path: data", "path: nobody-here/no-such-data"))
    done = check("recipe.yml", "--json", cwd=recipe.parent)
    assert done.returncode == 1
    assert (
        "nobody-here/no-such-data: there is no such file or folder here; the Hub cannot be reached"
        in json.loads(done.stdout)["unread"]["data"]
    )
    assert "the data was not checked" in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_recipe_is_told_before_any_data_is_read(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("project_name", "projekt_name"))
    done = check("recipe.yml", cwd=recipe.parent)
    assert done.returncode == 2 and "recipe.yml:3:1" in done.stderr and not done.stdout


def test_images_are_left_to_the_trainer(tmp_path: Path) -> None:
    (tmp_path / "recipe.yml").write_text(
        "task: image-classification\nbase_model: google/vit-base-patch16-224\nproject_name: p\nlog: none\nbackend: local\n"
        "data: {path: someone/images, train_split: train, column_mapping: {image_column: image, target_column: label}}\n"
        "params: {epochs: 1}\n"
    )
    done = check("recipe.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "images are left to the trainer" in done.stdout


@pytest.mark.parametrize("name", ["ingredient-parser", "recipe-assistant"])
def test_the_shipped_recipes_have_no_problem(name: str) -> None:
    done = check(f"recipes/{name}/recipe.yml", "--json", cwd=RECIPES.parent)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["problems"] == []
    expected = {
        "ingredient-parser": {"near-duplicate": 1},
        # The stand-in for RecipeNLG is as small as this; its other columns are RecipeNLG's own.
        "recipe-assistant": {"few-rows": 1, "few-test-rows": 1, "unused-column": 1},
    }
    assert found["totals"] == expected[name]
    assert found["doubles"]["test-row-in-train"] == found["doubles"]["test-row-near-train"] == 0


@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_limit_that_cuts_the_expected_answers_is_a_problem_at_its_line(recipe: Path, command: str) -> None:
    based = RECIPE.replace("nobody-here/no-such-model", "bundled/smollm2-135m-instruct").replace(
        "chatml", "tokenizer"
    )
    recipe.write_text(based + "evaluate:\n  metrics: [exact_match]\n  max_new_tokens: 2\n")
    run = [str(HF_RECIPES), command, "recipe.yml"]
    done = subprocess.run(run, cwd=recipe.parent, capture_output=True, text=True)
    assert done.returncode == 2
    place = f"recipe.yml:{len(recipe.read_text().splitlines())}:3: evaluate.max_new_tokens: 2 is less than the expected answer of"
    assert f"{place} 100 of 100 test rows (longest " in done.stdout + done.stderr
    recipe.write_text(based + "evaluate:\n  metrics: [exact_match]\n")
    done = subprocess.run(run, cwd=recipe.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"the longest expected answer of 100 test rows has \d tokens; evaluate\.max_new_tokens: 24, which follows from it",
        done.stdout,
    )


def test_what_a_trainer_trims_is_told_by_the_key_that_does_it(tmp_path: Path) -> None:
    trim = {
        "code": "prompt-cut",
        "key": "params.max_prompt_length",
        "limit": 128,
        "rows": 12,
        "what": "lose the beginning of their prompt",
    }
    tokens = {
        "rows": 100, "counted": 100, "total": 9000, "mean": 90.0, "median": 80, "p95": 200, "max": 300, "limit": 512,
        "limited_by": "params.block_size", "cut": 12, "packed": False, "histogram": [{"first": 0, "last": None, "rows": 100}],
    }  # fmt: skip
    facts = {"splits": {}, "unread": {}, "notes": [], "labels": {}, "left_to_trainer": False, "answers": {}}
    said = [
        " ".join(
            quality_lines(
                Quality(
                    tmp_path,
                    "lm_training",
                    "base",
                    {**facts, "tokens": {**tokens, "trims": trims}},
                    None,
                    [],
                    [],
                    {},
                )
            )
        )
        for trims in ([trim], [])
    ]
    assert "params.max_prompt_length allows 128: 12 of 100 rows lose the beginning of their prompt" in said[0]
    assert "params.block_size allows 512" not in said[0] and "params.block_size allows 512" in said[1]
