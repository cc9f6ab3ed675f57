"""What only a push needs is asked for where something is pushed, and nowhere else; names are ones that every program takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api import batch
from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.recipe import RecipeError

RECIPE = """\
task: text-classification
base_model: google-bert/bert-base-uncased
project_name: {name}
backend: {backend}
data: {{path: stanfordnlp/imdb, train_split: train, column_mapping: {{text_column: text, target_column: label}}}}
hub:
  username: ${{HF_USERNAME}}
  token: ${{HF_TOKEN}}
  push_to_hub: {push}
"""
SET = {"HF_USERNAME": "ada", "HF_TOKEN": "not-a-real-token"}


def write(tmp_path: Path, *, name: str = "my-project", backend: str = "local", push: str = "false") -> Path:
    file = tmp_path / "recipe.yml"
    file.write_text(RECIPE.format(name=name, backend=backend, push=push))
    return file


def places(file: Path, environ: dict[str, str]) -> list[str]:
    return [f"{one.line}:{one.column}:{one.code}" for one in recipe_problems(file, environ=environ)]


def test_variables_that_nothing_uses_need_not_be_set(tmp_path: Path) -> None:
    file = write(tmp_path)
    assert places(file, {}) == []
    recipe = load_recipe(file, environ={})
    assert (recipe.hub.username, recipe.hub.token_variable, recipe.hub.push_to_hub) == (
        None,
        "HF_TOKEN",
        False,
    )
    file.write_text(file.read_text().replace("  push_to_hub: false\n", ""))
    assert places(file, {}) == []


@pytest.mark.parametrize(
    ("backend", "push"), [("local", "true"), ("spaces-t4-small", "false"), ("jobs-t4-small", "true")]
)
def test_where_something_is_pushed_each_is_a_problem_at_its_place(
    tmp_path: Path, backend: str, push: str
) -> None:
    file = write(tmp_path, backend=backend, push=push)
    assert places(file, {}) == ["7:3:unset-variable", "8:3:unset-variable"]
    assert places(file, SET) == []
    hint = recipe_problems(file, environ={})[0].hint
    assert ("push_to_hub: false" in hint) == (backend == "local")


def test_run_push_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SET:
        monkeypatch.delenv(name, raising=False)
    file = write(tmp_path)
    assert len(batch.recipes([file])) == 1
    with pytest.raises(RecipeError) as caught:
        batch.recipes([file], push=True)
    assert [(one.line, one.code) for one in caught.value.problems] == [
        (7, "unset-variable"),
        (8, "unset-variable"),
    ]
    for name, value in SET.items():
        monkeypatch.setenv(name, value)
    (recipe,) = batch.recipes([file], push=True)
    assert recipe.hub.push_to_hub and recipe.hub.username == "ada"


@pytest.mark.parametrize("name", ["-rf", "--help", "-", "--", "-x-1", "data", "base"])
def test_a_name_that_is_an_option_or_a_folder_of_the_run_is_refused(tmp_path: Path, name: str) -> None:
    assert places(write(tmp_path, name=f'"{name}"'), {}) == ["3:1:project-name"]


@pytest.mark.parametrize("name", ["a--b", "a-", "modèle"])
def test_a_name_that_no_repo_can_have_is_refused_before_anything_is_trained_for_it(
    tmp_path: Path, name: str
) -> None:
    assert places(write(tmp_path, name=name), SET) == []
    for options in ({"push": "true"}, {"backend": "jobs-t4-small"}):
        assert places(write(tmp_path, name=name, **options), SET) == ["3:1:project-name"]
    with pytest.raises(RecipeError, match="single hyphens"):
        batch.recipes([write(tmp_path, name=name)], ["hub=null"], push=True)


@pytest.mark.parametrize("username", ["--help", "ada/other", "-ada", "ada lovelace", "../x"])
def test_an_account_that_cannot_be_is_refused(tmp_path: Path, username: str) -> None:
    file = write(tmp_path)
    text = file.read_text().replace("${HF_USERNAME}", f'"{username}"')
    file.write_text(text)
    assert places(file, SET) == [], "nothing is pushed"
    with pytest.raises(RecipeError, match="no name of an account"):
        batch.recipes([file], ["hub.token=null"], push=True)
    file.write_text(text.replace("push_to_hub: false", "push_to_hub: true"))
    assert places(file, SET) == ["7:3:bad-name"]
