"""YAML that is wrong, odd or hostile: one problem, quickly, and what is fine is read as AutoTrain reads it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.recipe import tree as tree_module

GOOD = """\
task: text-regression
base_model: some/model
project_name: my-project
backend: local
data:
  path: some/data
  train_split: train
  column_mapping: {text_column: text, target_column: score}
"""
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture(
    params=[yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)], ids=["python", "libyaml"]
)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML is not everywhere built with libyaml."""
    monkeypatch.setattr(tree_module, "Loader", request.param)


def written(tmp_path: Path, content: str | bytes) -> Path:
    file = tmp_path / "recipe.yml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"# only a comment\n", "empty-file"),
        (b"---\n...\n", "empty-file"),
        (b"~", "empty-file"),
        (b"- a\n- b\n", "not-a-mapping"),
        (b"just text", "not-a-mapping"),
        (b"\xff\xfet\x00a\x00", "not-utf-8"),
        (b"task: \xe9", "not-utf-8"),
        (b"task: \x00", "yaml-syntax"),
        (b"task: \x07", "yaml-syntax"),
        (b"task: [a", "yaml-syntax"),
        (b"task: 'a", "yaml-syntax"),
        (b"data:\n\tpath: x", "yaml-syntax"),
        (b"task: %", "yaml-syntax"),
        (b"%YAML 9.9\n---\ntask: a", "yaml-syntax"),
        (b"a: b: c", "yaml-syntax"),
        (GOOD.encode() + b"---\na: b\n", "several-documents"),
        (b"task: !!python/object/apply:os.system [echo]", "yaml-tag"),
        (b"task: !mine x", "yaml-tag"),
        (b"task: !!binary aGVsbG8=", "yaml-tag"),
        (b"data: !!set {a}", "yaml-tag"),
        (b"task: !!int x", "wrong-type"),
        (b"task: !!timestamp x", "wrong-type"),
        (b"task: 2024-99-99", "wrong-type"),
        (b"task: " + b"9" * 5000, "wrong-type"),
        (b"task: 1" + b":1" * 5000, "wrong-type"),
        (b"1: x", "key-not-text"),
        (b"[a, b]: x", "key-not-text"),
        (b"{a: b}: x", "key-not-text"),
        (b"task: *a", "unknown-alias"),
        (b"data: &a [*a]", "endless-alias"),
        (b"data: &a {b: *a}", "endless-alias"),
        (b"data: {<<: 1}", "merge-not-mapping"),
        (b"[" * 100_000, "too-deep"),
        (b"{a: " * 100_000, "too-deep"),
        (b"- " * 100_000, "too-deep"),
        (b"? " * 100_000, "too-deep"),
        (LAUGHS.encode(), "too-many-values"),
        (b"a: [" + b"1," * 60_000 + b"]", "too-many-values"),
        (b"a: " + b"x" * (1 << 20), "too-big"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_it_is_one_clear_problem(tmp_path: Path, content: bytes, code: str) -> None:
    began = time.process_time()
    found = recipe_problems(written(tmp_path, content), environ={})
    assert code in [one.code for one in found], found
    assert time.process_time() - began < 5


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    assert [one.code for one in recipe_problems(tmp_path / "none.yml")] == ["unreadable"]
    assert [one.code for one in recipe_problems(tmp_path)] == ["unreadable"]
    assert [one.code for one in recipe_problems(Path("a\0b"))] == ["unreadable"]


@pytest.mark.usefixtures("loader")
def test_places_count_characters_not_bytes(tmp_path: Path) -> None:
    found = recipe_problems(written(tmp_path, GOOD + 'params: {lr: "ü🐢", lr: x}\n'), environ={})
    assert [(one.line, one.column, one.code) for one in found] == [
        (9, 10, "wrong-type"),
        (9, 20, "duplicate-key"),
    ]


@pytest.mark.usefixtures("loader")
def test_anchors_merges_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    text = "\ufeff" + GOOD + "params: &p {epochs: 2, lr: 1e-3}\nhub: {push_to_hub: false}\n"
    merged = text.replace(
        "params: &p {epochs: 2, lr: 1e-3}", "params:\n  <<: &p {epochs: 2, lr: 1e-3}\n  epochs: 5"
    )
    assert load_recipe(written(tmp_path, text), environ={}).params == {"epochs": 2, "lr": 1e-3}
    assert load_recipe(written(tmp_path, merged), environ={}).params == {"epochs": 5, "lr": 1e-3}


def test_variables_are_filled_in_anywhere(tmp_path: Path) -> None:
    text = (
        GOOD.replace("some/data", "${OWNER}/data-${N}")
        + "params: {lr: '${LR}'}\nuse_case: {goal: 'costs $${LR}, ${ not } a name'}\n"
    )
    recipe = load_recipe(written(tmp_path, text), environ={"OWNER": "me", "N": "7", "LR": "2e-4"})
    assert recipe.data.path == "me/data-7"
    assert recipe.params["lr"] == 2e-4
    assert recipe.use_case is not None and recipe.use_case.goal == "costs ${LR}, ${ not } a name"


def test_the_tokens_name_is_kept_and_not_its_value(tmp_path: Path) -> None:
    text = GOOD + "hub: {username: me, token: '${MY_TOKEN}', push_to_hub: true}\n"
    recipe = load_recipe(written(tmp_path, text), environ={"MY_TOKEN": "the-secret"})
    assert recipe.hub.token_variable == "MY_TOKEN"
    assert "the-secret" not in repr(recipe)


def test_settings_are_laid_over(tmp_path: Path) -> None:
    file = written(tmp_path, GOOD + "params:\n  lr: 1.0\n")
    settings = ["params.lr=2e-4", "params.epochs=2", "hub.push_to_hub=false", "project_name=other"]
    recipe = load_recipe(file, settings=settings, environ={})
    assert recipe.params == {"lr": 2e-4, "epochs": 2}
    assert recipe.project_name == "other"
    assert recipe.settings == tuple(settings)
    assert "params.lr" not in recipe.positions
    assert recipe.positions["params"] == (9, 1)
    assert recipe.positions["data.path"] == (6, 3)


def test_a_setting_inside_a_list(tmp_path: Path) -> None:
    text = GOOD.replace("text-regression", "llm-sft").replace(
        "  column_mapping: {text_column: text, target_column: score}\n", ""
    )
    text += "  messages:\n    - {role: user, content: '{q}'}\n    - {role: assistant, content: '{a}'}\n"
    file = written(tmp_path, text)
    recipe = load_recipe(file, settings=["data.messages.0.content='{question}'"], environ={})
    assert recipe.data.messages[0].content == "{question}"
    assert recipe.data.chat_template == "tokenizer"
    assert recipe.positions["data.messages.1.content"] == (10, 25)


@pytest.mark.parametrize(
    ("setting", "file", "said"),
    [
        ("params.learning_rate=1", "--set params.learning_rate", "did you mean params.lr?"),
        ("params.lr=0", "--set params.lr", "more than 0"),
        ("params.lr=[", "--set params.lr", "not YAML"),
        ("nonsense", "--set nonsense", "key=value"),
        ("=1", "--set", "key=value"),
        ("project_name.x=1", "--set project_name.x", "a single value"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, setting: str, file: str, said: str) -> None:
    found = recipe_problems(written(tmp_path, GOOD), settings=[setting], environ={})
    assert any(one.file.strip() == file and said in str(one) for one in found), found


def test_paths_count_from_the_recipes_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    file = written(tmp_path, GOOD.replace("some/data", "here"))
    monkeypatch.chdir(tmp_path.parent)
    data = load_recipe(file.relative_to(tmp_path.parent), environ={}).data
    assert (data.path, data.local) == (str((tmp_path / "here").resolve()), True)
    assert load_recipe(written(tmp_path, GOOD), environ={}).data.local is False
