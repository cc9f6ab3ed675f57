"""`validate` knows what the hardware cannot do, beside what the recipe says wrong: all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from hf_recipes.api.validate import problems
from hf_recipes.catalog.machine import Gpu, Machine

RECIPE = """\
task: llm-sft
base_model: someone/model
project_name: my-project
backend: {backend}
data:
  path: someone/data
  train_split: train
  messages:
    - {{role: user, content: "{{question}}"}}
    - {{role: assistant, content: "{{answer}}"}}
params:
  quantization: int4
  peft: true
"""
LAPTOP = Machine(cores=2, memory=8 << 30)
SERVER = Machine(cores=8, memory=64 << 30, gpus=(Gpu("A10G", 24 << 30),))


def found(
    folder: Path, text: str, machine: Machine | None, *settings: str
) -> list[tuple[str, int, int, str]]:
    """(file, line, column, code) of each; with `machine` None, looking at the machine is an error."""
    file = folder / "recipe.yml"
    file.write_text(text, encoding="utf-8")

    def here() -> Machine:
        assert machine is not None, "nothing in this recipe depends on the machine"
        return machine

    every = problems(file, settings=settings, here=here)
    return [(one.file.replace(str(file), "recipe.yml"), one.line, one.column, one.code) for one in every]


def test_int4_is_a_problem_where_there_is_no_gpu(tmp_path: Path) -> None:
    text = RECIPE.format(backend="local")
    assert found(tmp_path, text, LAPTOP) == [("recipe.yml", 12, 3, "needs-gpu")]
    assert found(tmp_path, text, SERVER) == []
    assert found(tmp_path, RECIPE.format(backend="jobs-cpu-basic"), LAPTOP) == [
        ("recipe.yml", 12, 3, "needs-gpu")
    ]
    assert found(tmp_path, RECIPE.format(backend="spaces-a10g-large"), LAPTOP) == []


def test_the_machine_is_asked_only_where_it_matters(tmp_path: Path) -> None:
    assert found(tmp_path, RECIPE.format(backend="spaces-a10g-large"), None) == []
    assert found(tmp_path, RECIPE.format(backend="local").replace("int4", "null"), None) == []


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("project_name: my-project", "project_name: my_project", (3, 1, "project-name")),
        ("base_model: someone/model", "base_model: bundled/nothing", (2, 1, "unknown-value")),
        ("  path: someone/data\n", "  path: data.jsonl\n", (6, 3, "not-found")),
        ("  train_split: train\n", "", (5, 1, "missing-key")),
        ("role: user", "role: usr", (9, 8, "unknown-value")),
        ("peft: true", "lr: fast", (13, 3, "wrong-type")),
        ("peft: true", "peft: true\nevaluate: {limit: none}", (14, 12, "wrong-type")),
    ],
)
def test_it_is_told_beside_any_other_mistake(
    tmp_path: Path, right: str, wrong: str, place: tuple[int, int, str]
) -> None:
    text = RECIPE.format(backend="local").replace(right, wrong)
    every = found(tmp_path, text, LAPTOP)
    assert ("recipe.yml", *place) in every
    assert [code for *_, code in every].count("needs-gpu") == 1


def test_a_mistake_of_the_backend_is_not_taken_for_one_without_a_gpu(tmp_path: Path) -> None:
    for backend in ("loca", "null", "spaces-a10g"):
        codes = [code for *_, code in found(tmp_path, RECIPE.format(backend=backend), LAPTOP)]
        assert codes and "needs-gpu" not in codes


def test_a_setting_is_named_as_its_place(tmp_path: Path) -> None:
    text = RECIPE.format(backend="local").replace("int4", "null")
    every = found(tmp_path, text, LAPTOP, "params.quantization=int8")
    assert every == [("--set params.quantization", 0, 0, "needs-gpu")]


def test_in_a_matrix_the_combinations_that_need_one_are_told_once(tmp_path: Path) -> None:
    text = RECIPE.format(backend="local").replace("int4", "null")
    matrix = "matrix: {params.quantization: [int4, null], params.seed: [1, 2]}\n"
    assert [code for *_, code in found(tmp_path, text + matrix, LAPTOP)] == ["needs-gpu"]
