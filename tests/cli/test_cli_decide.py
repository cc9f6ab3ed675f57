"""`hf-recipes decide` with the real parts: the bundled model answers a few rows, nothing is trained, and it says what to do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.cli.decide import show_decision
from hf_recipes.cli.output import console

HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))
SHIPPED = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser"
TEST_ROWS = 4


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HF_RECIPES, *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's recipe with less data."""
    folder = tmp_path_factory.mktemp("decide")
    (folder / "data").mkdir()
    for name, rows in {"train.jsonl": 60, "test.jsonl": TEST_ROWS}.items():
        lines = (SHIPPED / "data" / name).read_text(encoding="utf-8").splitlines(keepends=True)[:rows]
        (folder / "data" / name).write_text("".join(lines), encoding="utf-8")
    shutil.copy(SHIPPED / "recipe.yml", folder)
    return folder


@pytest.fixture(scope="module")
def decided(folder: Path) -> dict[str, Any]:
    """Of a recipe that names one baseline and no bound."""
    settings = ("evaluate.baselines=[zero-shot]", "evaluate.require=null", "evaluate.max_new_tokens=32")
    options = [part for one in settings for part in ("--set", one)]
    done = call("decide", "recipe.yml", *options, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_every_baseline_is_measured_and_nothing_is_trained(decided: dict[str, Any]) -> None:
    run = Path(decided["run_dir"])
    assert set(decided["needed"]["methods"]) == {"zero-shot", "few-shot", "retrieval"}
    assert decided["needed"]["n"] == TEST_ROWS
    job = json.loads((run / "job.json").read_text())
    assert [step["name"] for step in job["steps"]] == ["prepare", "answer", "report"]
    assert not (run / "model").exists() and not list(run.rglob("*.safetensors"))


def test_the_four_questions_are_answered_and_kept_in_the_run(decided: dict[str, Any]) -> None:
    kept = json.loads((Path(decided["run_dir"]) / "report" / "decision.json").read_text())
    assert kept == {name: value for name, value in decided.items() if name != "run_dir"}
    assert decided["needed"]["target"]["assumed"] is True
    assert decided["cost"]["training"][0]["fits"] and decided["cost"]["training"][0]["hours"] > 0
    for one in decided["cost"]["serving_per_1000"].values():
        assert one["prompt_tokens"] > 0 and one["seconds"] > 0
    assert decided["tunable"]["tunable"] is True and "Apache" in decided["tunable"]["notes"][0]
    assert decided["data"]["train_rows"] == 60 and decided["data"]["enough"]
    assert decided["decision"]["decision"] in ("fine-tune", "keep-prompting", "too-thin")


def test_of_the_hardware_that_fits_the_cheapest_is_named(
    decided: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    show_decision(decided, console(stderr=False, markup=True))
    printed = capsys.readouterr().out
    fitting = [one["hardware"] for one in decided["cost"]["training"] if one["fits"]]
    assert [name for name in fitting if f"\n  {name} " in printed] == fitting[:8]
    assert f"\n  …               {len(fitting) - 8} more that fit; --json lists them\n" in printed


def test_the_run_says_everywhere_that_nothing_was_trained(decided: dict[str, Any], folder: Path) -> None:
    status = json.loads(call("status", "last", "--json", cwd=folder).stdout)
    assert (status["state"], status["model_dir"], status["trained"]) == ("succeeded", None, False)
    assert "nothing was trained" in status["message"]
    for command in ("compare", "push"):
        done = call(command, decided["run"], cwd=folder)
        assert done.returncode == 1 and "trained nothing" in done.stderr, command
    assert "zero-shot" in call("report", decided["run"], cwd=folder).stdout


def test_a_recipe_without_test_rows_is_refused_with_what_to_do(folder: Path) -> None:
    settings = ("--set", "data.test_split=null", "--set", "evaluate=null")
    done = call("decide", "recipe.yml", *settings, "--runs-dir", "none", cwd=folder)
    assert done.returncode == 2 and "data.test_split" in done.stderr and "hold out" in done.stderr
    assert not (folder / "none").exists()


def test_a_base_that_cannot_be_had_leaves_the_other_questions_answered(folder: Path) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text('{"model_type": "qwen3"}')
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    weights = len(header).to_bytes(8, "little") + header + bytes(4)
    (folder / "broken" / "model.safetensors").write_bytes(weights)
    (folder / "broken" / "tokenizer.json").write_text("{")
    done = call("decide", "recipe.yml", "--set", "base_model=broken", "--runs-dir", "others", cwd=folder)
    assert done.returncode == 1
    assert "not-measured" in done.stdout and "(qwen3)" in done.stdout and "Traceback" not in done.stderr
    assert "[bold]" not in done.stdout and "[/]" not in done.stdout
