"""What is printed after a run can be typed as it stands, and works for this run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.api import compare, evaluate
from hf_recipes.cli.run import _print_outcome
from hf_recipes.record.state import State


def succeeded(make_run: Callable[..., Path], **changes: Any) -> Path:
    run = make_run(**changes)
    (run / "model").mkdir()
    (run / "model" / "model.safetensors").touch()
    record.end(run, State.SUCCEEDED, None, "")
    return run


def commands(run: Path, capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    _print_outcome(run)
    said = capsys.readouterr()
    return [shlex.split(line) for line in re.findall(r"hf-recipes (.*)", said.out + said.err)]


@pytest.mark.parametrize("trainer", ["sft", "default", "dpo", "orpo"])
def test_a_model_that_writes_is_shown_beside_its_base(
    make_run: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trainer: str,
) -> None:
    run = succeeded(make_run, params={"trainer": trainer})
    monkeypatch.chdir(run.parent.parent)
    assert commands(run, capsys) == [["compare", run.name]]
    assert compare.build_config(run)["pairs"]


def test_from_elsewhere_a_run_is_named_by_its_folder(
    make_run: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run = succeeded(make_run, params={"trainer": "sft"})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ((_, name),) = commands(run, capsys)
    assert record.find_run(name, Path("runs")) == run
    monkeypatch.setenv("HF_RECIPES_RUNS", str(run.parent))
    assert commands(run, capsys) == [["compare", run.name]]


@pytest.mark.parametrize(
    ("task", "params", "command"),
    [
        ("text_multi_class_classification", {}, "push"),
        ("lm_training", {"trainer": "reward"}, "push"),
        ("seq2seq", {}, "push"),
        ("tabular", {}, None),
    ],
)
def test_what_the_page_and_eval_cannot_show_is_not_led_there(
    make_run: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    task: str,
    params: dict[str, str],
    command: str | None,
) -> None:
    run = succeeded(make_run, task=task, params=params)
    with pytest.raises(compare.CompareFailed):
        compare.build_config(run)
    assert [words[0] for words in commands(run, capsys)] == ([command] if command else [])
    with pytest.raises(evaluate.CannotEvaluate, match="only chat models can be measured so far"):
        next(evaluate.measure_again(run, ["evaluate.metrics=[exact_match]"], say=print))


def test_eval_says_first_what_no_setting_can_mend(make_run: Callable[..., Path]) -> None:
    run = succeeded(make_run, params={"trainer": "sft"})
    with pytest.raises(evaluate.CannotEvaluate, match=r"names no data.test_split"):
        next(evaluate.measure_again(run, say=print))
