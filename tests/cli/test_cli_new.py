"""`new --data`: a file as people have it becomes a recipe that validates, whose rows check finds nothing wrong with."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hf_recipes.api.check_data import check_data
from hf_recipes.api.new_recipe import project_name
from hf_recipes.api.recipes import load_recipe
from hf_recipes.cli.new import new_command

ASK, SAY = {"role": "user", "content": "how much is {}?"}, {"role": "assistant", "content": "it is {}"}


def turns(number: int, *, chosen: bool | None = None) -> list[dict[str, str]]:
    said = [{**turn, "content": turn["content"].format(number)} for turn in (ASK, SAY)]
    return (
        said if chosen is None else [{**said[1], "content": f"{said[1]['content']}{'' if chosen else '?'}"}]
    )


def lines(folder: Path, name: str, rows: list[object]) -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def sharegpt(folder: Path) -> str:
    who = {"user": "human", "assistant": "gpt"}
    rows = [
        {"conversations": [{"from": who[turn["role"]], "value": turn["content"]} for turn in turns(number)]}
        for number in range(60)
    ]
    return lines(folder, "forum dump.jsonl", rows)


def excel(folder: Path) -> str:
    with (folder / "tickets.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["Text", "Category"])
        table.writerows(
            [f"ticket {number}, please", ["billing", "returns"][number % 2]] for number in range(80)
        )
    return "tickets.csv"


def alpaca(folder: Path) -> str:
    rows = [
        {"instruction": f"say {number}", "input": "aloud" if number % 2 else "", "output": f"It is {number}."}
        for number in range(60)
    ]
    (folder / "alpaca.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return "alpaca.json"


def preferences(folder: Path) -> str:
    rows = [
        {"prompt": turns(n)[:1], "chosen": turns(n, chosen=True), "rejected": turns(n, chosen=False)}
        for n in range(60)
    ]
    return lines(folder, "pairs.jsonl", rows)


def splits(folder: Path) -> str:
    (folder / "data").mkdir()
    for name, numbers in (("train", range(60)), ("validation", range(60, 80))):
        lines(folder / "data", f"{name}.jsonl", [{"messages": turns(number)} for number in numbers])
    return "data"


def new(*arguments: str) -> Result:
    return CliRunner().invoke(new_command, arguments)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (sharegpt, ("text_column: conversations", 'path: "../forum dump.jsonl"', "test_split: 0.2")),
        (excel, ('content: "{Text}"', "metrics: [accuracy, macro_f1]", "one of these and nothing else: billing, returns")),
        (alpaca, (r'content: "{instruction}\n\n{input}"', "metrics: [exact_match, normalised_match]")),
        (preferences, ("task: llm-dpo", "prompt_text_column: prompt", "rejected_text_column: rejected")),
        (splits, ("train_split: train", "test_split: validation # never trained on")),
    ],
)  # fmt: skip
def test_data_becomes_a_recipe_that_is_right_at_once(
    make: Callable[[Path], str], says: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = new("my-model", "--data", make(tmp_path))
    assert done.exit_code == 0, done.output
    file = tmp_path / "my-model" / "recipe.yml"
    text = file.read_text(encoding="utf-8")
    assert all(part in text for part in says), text
    assert load_recipe(file, environ={}).project_name == "my-model"
    found = check_data(file, say=print)
    assert not found.problems and not found.facts["unread"]
    assert "hf-recipes check my-model/recipe.yml" in done.output


def test_what_no_recipe_can_be_made_from_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    thumbs = [{"prompt": "q", "completion": "a", "label": number % 2 == 0} for number in range(20)]
    done = new("mine", "--data", lines(tmp_path, "thumbs.jsonl", thumbs))
    assert done.exit_code == 1 and "llm-sft would learn both" in done.output
    done = new("mine", "--data", "./nothing.jsonl")
    assert done.exit_code == 1 and "there is no such file or folder" in done.output
    (tmp_path / "broken.jsonl").write_text('{"a": \n')
    done = new("mine", "--data", "broken.jsonl")
    assert done.exit_code == 1 and "broken.jsonl:1" in done.output
    (tmp_path / "two").mkdir()
    for name in ("a", "b"):
        lines(tmp_path / "two", f"{name}.jsonl", [{"question": "q", "answer": "a"}])
    assert "name one of its files, or call one train" in new("mine", "--data", "two").output
    assert not (tmp_path / "mine").exists()
    assert new("--data", "thumbs.jsonl").exit_code == 2
    assert "for data of your own: --data FILE" in new("nothing-shipped").output


@pytest.mark.parametrize("model", ["HuggingFaceTB/SmolLM2-360M-Instruct", "models/mine"])
def test_the_base_can_be_named_at_once(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert new("mine", "--data", alpaca(tmp_path), "--base", model).exit_code == 0
    base = load_recipe(tmp_path / "mine" / "recipe.yml", environ={}).base_model
    assert base == (str(tmp_path / model) if model == "models/mine" else model)
    refused = new("ingredient-parser", "--base", model)
    assert refused.exit_code == 2 and "--base goes with --data" in refused.output


def test_the_trainer_can_be_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new("ingredient-parser", "copied", "--engine", "trl").exit_code == 0
    assert new("mine", "--data", alpaca(tmp_path), "--engine", "trl").exit_code == 0
    for folder in ("copied", "mine"):
        assert load_recipe(tmp_path / folder / "recipe.yml", environ={}).engine == "trl"
    refused = new("likes", "--data", preferences(tmp_path), "--engine", "trl")
    assert refused.exit_code == 2 and "engine trl does not train llm-dpo" in refused.output
    assert not (tmp_path / "likes").exists()


@pytest.mark.parametrize(
    ("name", "project"),
    [("my model", "my-model"), ("a/b_c", "a-b-c"), ("ü", "my-model"), ("x" * 60, "x" * 50)],
)
def test_a_project_gets_a_name_that_it_can_have(name: str, project: str) -> None:
    assert project_name(name) == project
