"""YAML that came from a page, a word processor or Windows: said in words of our own, at the line where it stands."""

from __future__ import annotations

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


@pytest.fixture(
    params=[yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)], ids=["python", "libyaml"]
)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "Loader", request.param)


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "recipe.yml").write_bytes(text.encode())
    return tmp_path / "recipe.yml"


QUOTE = "put quotes around text that begins with "
ESCAPE = "in double quotes \\ begins an escape; write / or \\\\, or put single quotes around the text"
# fmt: off
MISTAKES = [
    # what is written, what instead, where, what the line must say
    ("score}\n", "score}\nhub:\n  username: ***\n", "10:13", f"* begins an alias; {QUOTE}*"),
    ("score}\n", "score}\nhub: {username: ada, token: *me}\n", "9:29", f"or {QUOTE}*"),
    ("score}\n", "score}\nuse_case: {goal: **bold** text}\n", "9:18", f"{QUOTE}*"),
    ("score}\n", "score}\nhub:\n  username: @me\n", "10:13", f"{QUOTE}@"),
    ("score}\n", "score}\nhub:\n  username: `me`\n", "10:13", f"{QUOTE}`"),
    ("score}\n", "score}\nuse_case:\n  goal: !important\n", "10:9", f"{QUOTE}!"),
    ("score}\n", "score}\nuse_case:\n  success: > 90 %\n", "10:12", f"{QUOTE}>"),
    ("score}\n", "score}\nuse_case:\n  goal: [INST] {x}\n", "10:16", f"{QUOTE}["),
    ("score}\n", "score}\nuse_case:\n  goal: 'It's here'\n", "10:13", "inside single quotes write '' for '"),
    ("score}\n", 'score}\nuse_case:\n  goal: "say "hi" now"\n', "10:15", 'inside double quotes write \\" for "'),
    ("some/data", '"C:\\Users\\me\\data"', "6:12", ESCAPE),
    ("some/data", '"D:\\data\\me"', "6:12", ESCAPE),
    ("some/data", '"C:\\temp\\new"', "6:3", "data.path: holds a tab, a line break"),
    ("some/data", "C:\\Users\\me\\data", "6:3", "with / between folders"),
    ("some/data", "'data\\mine'", "6:3", "with / between folders"),
    ("some/model", '"models\\base"', "2:1", "base_model: holds a tab, a line break"),
    ("  path", "\u00a0 path", "6:1", "a no-break space stands in the indentation; write spaces"),
    ("  train_split", "\u00a0\u00a0train_split", "7:1", "a no-break space stands in the indentation; write spaces"),
    ("  train_split", "  \u00a0train_split", "7:3", "a no-break space stands in the "),
    ("path: some", "path:\u00a0some", "6:8", "a no-break space stands behind the colon; write a space"),
    ("path: some", "path: \u00a0some", "6:9", "a no-break space stands beside the value; remove it"),
    ("some/data", "some/data\u00a0", "6:9", "a no-break space stands beside the value; remove it"),
    ("  path", "\u3000path", "6:1", "a full-width space stands in the indentation; write spaces"),
    ("task:", "\u200btask:", "1:1", "task: an invisible character stands in the key; remove it"),
    ("backend", "back\u200bend", "4:1", "backend: an invisible character stands in the key; remove it"),
    ("backend: local", "backend：local", "4:8", "a full-width colon; write : and a space"),
    ("my-project", "“my-project”", "3:15", "YAML takes straight quotes"),
    ("some/model", "‘some/model’", "2:13", "YAML takes straight quotes"),
    ("backend:", "“backend”:", "4:1", "YAML takes straight quotes"),
    ("  path", "\tpath", "6:1", "indent with spaces, not tabs"),
    ("  train_split", "\ttrain_split", "7:1", "indent with spaces, not tabs"),
    ("score}\n", "score}\nparams: {lr: 2e–4}\n", "9:10", "it has a dash that is no hyphen: write 2e-4"),
]
# fmt: on


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(("old", "new", "place", "said"), MISTAKES, ids=[repr(one[1]) for one in MISTAKES])
def test_it_is_one_line_at_its_place(tmp_path: Path, old: str, new: str, place: str, said: str) -> None:
    assert old in GOOD
    (one,) = recipe_problems(write(tmp_path, GOOD.replace(old, new, 1)), environ={})
    assert f"{one.line}:{one.column}" == place and said in f"{one.message}; {one.hint}"


@pytest.mark.usefixtures("loader")
def test_such_characters_inside_of_text_are_text(tmp_path: Path) -> None:
    text = (
        GOOD
        + "use_case:\n  goal: “good” answers and “better” ones, 10\u00a0%\n  success: |\n    \u00a0 a poem\n    it goes\n"
    )
    recipe = load_recipe(write(tmp_path, text), environ={})
    assert recipe.use_case and recipe.use_case.goal.endswith("10\u00a0%")
    assert load_recipe(write(tmp_path, GOOD + "use_case: {goal: '“so”'}\n"), environ={}).use_case


def test_a_setting_is_told_the_same(tmp_path: Path) -> None:
    (one,) = recipe_problems(write(tmp_path, GOOD), settings=["use_case.goal=***"], environ={})
    assert one.file == "--set use_case.goal" and one.hint == f"{QUOTE}*"
