"""A matrix: one recipe for each combination, each as if it had been written, each mistake at its value's place."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from hf_recipes.api.recipes import load_recipe, load_recipes, recipe_json_schema, recipe_problems
from hf_recipes.recipe import RecipeError

RECIPE = """\
task: llm-sft
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
project_name: ingredient-parser
backend: jobs-a10g-small
data:
  path: someone/some-data
  train_split: train
  chat_template: tokenizer
  column_mapping: {text_column: text}
params:
  lr: 3e-4
"""
MATRIX = RECIPE + "matrix:\n  params.lr: [1e-4, 2.0e-4]\n  params.lora_r:\n    - 8\n    - 16\n"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "recipe.yml"
    file.write_text(text, encoding="utf-8")
    return file


def found(file: Path, *settings: str) -> list[str]:
    return [
        str(one).removeprefix(str(file)) + f" [{one.code}]"
        for one in recipe_problems(file, settings=settings, environ={})
    ]


def test_every_combination_is_a_recipe_with_a_name_of_its_own(tmp_path: Path) -> None:
    recipes = load_recipes(written(tmp_path, MATRIX))
    assert [(one.params["lr"], one.params["lora_r"], one.project_name) for one in recipes] == [
        (1e-4, 8, "ingredient-parser-lr-1e-4-r-8"),
        (1e-4, 16, "ingredient-parser-lr-1e-4-r-16"),
        (2e-4, 8, "ingredient-parser-lr-0p0002-r-8"),
        (2e-4, 16, "ingredient-parser-lr-0p0002-r-16"),
    ]
    assert recipes[0].matrix == {"params.lr": "1e-4", "params.lora_r": 8}


def test_a_combination_s_settings_make_it_out_of_the_file_again(tmp_path: Path) -> None:
    """What a run's folder keeps: the file as given, and these."""
    text = MATRIX + '  data.path: ["someone/ünï=😀", other/data]\n  params.mixed_precision: [null, bf16]\n'
    file = written(tmp_path, text.replace("someone/ünï=😀", "${WHERE}"))
    environ = {"WHERE": "someone/data"}
    recipes = load_recipes(file, settings=["params.epochs=2"], environ=environ)
    assert len(recipes) == 16
    for recipe in recipes:
        again = load_recipe(file, settings=recipe.settings, environ=environ)
        assert (again.project_name, again.params, again.data) == (
            recipe.project_name,
            recipe.params,
            recipe.data,
        )
        assert again.params["epochs"] == 2


def test_text_of_any_script_survives_as_a_setting(tmp_path: Path) -> None:
    recipes = load_recipes(
        written(tmp_path, RECIPE + 'matrix:\n  compare.title: ["é 😀 = \\" x", "yes", 2024-01]\n')
    )
    again = [load_recipe(one.file, settings=one.settings).compare.title for one in recipes]
    assert again == [one.compare.title for one in recipes] == ['é 😀 = " x', "yes", "2024-01"]


def test_without_a_matrix_there_is_one_recipe_and_it_is_the_one_that_load_gives(tmp_path: Path) -> None:
    file = written(tmp_path, RECIPE)
    assert load_recipes(file) == [load_recipe(file)]
    file = written(tmp_path, RECIPE + "matrix: null\n")
    assert load_recipes(file) == [load_recipe(file)]
    file = written(tmp_path, MATRIX)
    alone = load_recipe(file, settings=["matrix=null"])
    assert (alone.params["lr"], alone.project_name, alone.matrix) == (3e-4, "ingredient-parser", {})


def test_who_wants_one_recipe_is_told_that_there_are_several(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"matrix: makes 4 recipes of this one.*--set matrix=null"
    ) as refused:
        load_recipe(written(tmp_path, MATRIX))
    (problem,) = refused.value.problems
    assert (problem.line, problem.column, problem.code) == (12, 1, "matrix")


# fmt: off
MISTAKES = [
    # the matrix, from line 12 of the file; every problem
    ("{params.learning_rate: [1, 2]}", [":12:10: matrix.params.learning_rate: unknown; did you mean params.lr? [unknown-key]"]),
    ("{params.lr: [1e-4, fast, 0]}", [
        ":12:28: params.lr: must be a number, not text [wrong-type]",
        ":12:34: params.lr: must be more than 0 [out-of-range]"]),
    ("{params.lr: 1e-4}", [":12:21: matrix.params.lr: takes a list of values; such as [1e-4, 2e-4] [bad-matrix]"]),
    ("{params.lr: []}", [":12:21: matrix.params.lr: takes a list of values; such as [1e-4, 2e-4] [bad-matrix]"]),
    ("{params.lr: [1e-4, 1.0e-4]}", [":12:28: matrix.params.lr: this value is given a second time [duplicate-key]"]),
    ("{params.lr: [1.0, 1.0]}", [":12:27: matrix.params.lr: this value is given a second time [duplicate-key]"]),
    ("{params.lr: [{a: 1}, 1]}", [":12:22: matrix.params.lr: a mapping is no value of a key [bad-matrix]"]),
    ("{params: [{lr: 1}]}", [":12:10: matrix.params: takes keys that have one value; such as params.lr [bad-matrix]"]),
    ("{matrix: [1]}", [":12:10: matrix.matrix: takes keys that have one value; such as params.lr [bad-matrix]"]),
    ("{hub.token: [a, b]}", [":12:10: matrix.hub.token: one token for all runs [bad-matrix]"]),
    ("[1, 2]", [":12:1: matrix: takes keys with a list of values each; such as {params.lr: [1e-4, 2e-4]} [bad-matrix]"]),
    ("{}", [":12:1: matrix: takes keys with a list of values each; such as {params.lr: [1e-4, 2e-4]} [bad-matrix]"]),
    ("{params.seed: [1, 2, 3, 4, 5, 6, 7, 8, 9], params.epochs: [1, 2, 3, 4, 5, 6, 7, 8]}",
     [":12:1: matrix: 72 combinations, 64 are allowed; shorten a list, or split the recipe [too-many-values]"]),
    ("{backend: [local, jobs-a10g-small, moon]}", [
        ":12:44: backend: no such backend; local, spaces-<hardware> such as spaces-a10g-large, or jobs-<hardware> [unknown-value]"]),
    ("{project_name: [a_b, a-b]}", [":12:25: project_name: takes letters, digits and hyphens only [project-name]"]),
    ("{task: [llm-sft, llm-reward]}", [
        ":9:3: data.column_mapping.rejected_text_column: missing; reward of lm_training reads this column; name the column of your data [missing-columns]"]),
]
# fmt: on


@pytest.mark.parametrize(("matrix", "expected"), MISTAKES, ids=[one for one, _ in MISTAKES])
def test_each_mistake_stands_where_the_matrix_has_it(
    tmp_path: Path, matrix: str, expected: list[str]
) -> None:
    said = found(written(tmp_path, RECIPE + f"matrix: {matrix}\n"))
    assert said == expected


def test_a_mistake_of_the_recipe_itself_is_told_once(tmp_path: Path) -> None:
    file = written(tmp_path, MATRIX.replace("  lr: 3e-4", "  lr: 3e-4\n  epochs: 0"))
    assert found(file) == [":12:3: params.epochs: must be at least 1 [out-of-range]"]


def test_64_combinations_are_checked_and_made(tmp_path: Path) -> None:
    matrix = "matrix: {params.seed: [1, 2, 3, 4, 5, 6, 7, 8], params.epochs: [1, 2, 3, 4, 5, 6, 7, 8]}\n"
    assert len({one.project_name for one in load_recipes(written(tmp_path, RECIPE + matrix))}) == 64


@pytest.mark.parametrize(
    "matrix",
    [
        "{params.target_modules: [all-linear, all_linear], params.lr: [1, -1]}",
        "{data.path: [one/a-very-long-name-of-some-data-set-indeed, two/a-very-long-name-of-some-data-set-indeed]}",
        "{base_model: [one/Model, two/model, ONE/model]}",
        "{project_name: [first, second], params.lr: [1e-4, 2e-4]}",
    ],
)
def test_names_never_collide_and_fit_autotrain_s_bound(tmp_path: Path, matrix: str) -> None:
    file = written(tmp_path, RECIPE + f"matrix: {matrix.replace('-1]', '2]')}\n")
    names = [one.project_name for one in load_recipes(file)]
    assert len({name.lower() for name in names}) == len(names) >= 2
    for name in names:
        assert len(name) <= 50 and name.replace("-", "").isalnum() and "--" not in name
        assert name[0] != "-" != name[-1]
    again = written(tmp_path, RECIPE + f"matrix: {matrix.replace('-1]', '2, 3]')}\n")
    assert set(names) <= {one.project_name for one in load_recipes(again)}, "a longer list renames no run"


def test_settings_lay_over_a_matrix(tmp_path: Path) -> None:
    file = written(tmp_path, MATRIX)
    recipes = load_recipes(file, settings=["matrix.params.lr=[5e-4]", "matrix.params.epochs=[1, 2]"])
    assert [one.project_name for one in recipes][:2] == [
        "ingredient-parser-lr-5e-4-r-8-epochs-1",
        "ingredient-parser-lr-5e-4-r-8-epochs-2",
    ]
    (said,) = found(file, "params.lr=1e-3")
    assert said.startswith(
        "--set params.lr: the recipe's matrix sets this key too; write --set matrix.params.lr="
    )
    assert found(file, "matrix.params.lr=[fast]")[0].startswith("--set matrix.params.lr: params.lr: must be")


def test_a_matrix_is_right_under_the_schema_that_editors_use() -> None:
    validator = jsonschema.Draft202012Validator(recipe_json_schema())
    assert validator.is_valid(yaml.safe_load(MATRIX))
    for wrong in ({}, {"params.lr": 1}, {"params.lr": []}, [1]):
        assert not validator.is_valid({**yaml.safe_load(RECIPE), "matrix": wrong})
