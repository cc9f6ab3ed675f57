"""The whole road on this machine with the real parts: AutoTrain trains the bundled model, for a few steps only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]
HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))
FINISHED = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's recipe with less data and no gate: everything else is as shipped."""
    folder = tmp_path_factory.mktemp("recipe")
    shipped = ROOT / "recipes" / "ingredient-parser"
    (folder / "data").mkdir()
    for name, rows in {"train.jsonl": 48, "test.jsonl": 12}.items():
        lines = (shipped / "data" / name).read_text(encoding="utf-8").splitlines(keepends=True)[:rows]
        (folder / "data" / name).write_text("".join(lines), encoding="utf-8")
    (folder / "recipe.yml").write_text((shipped / "recipe.yml").read_text(encoding="utf-8"), encoding="utf-8")
    return folder / "recipe.yml"


SHORT = ("--set", "params.epochs=1", "--set", "evaluate.require=null")


@pytest.fixture(scope="module")
def finished(recipe: Path) -> dict[str, object]:
    done = call("run", str(recipe), *SHORT, "--json", cwd=recipe.parent)
    assert done.returncode == 0, done.stderr
    document: dict[str, object] = json.loads(done.stdout)
    return document


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HF_RECIPES, *arguments], cwd=cwd, capture_output=True, text=True)


def processes_of(run: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if run in " ".join(process.cmdline()) or run in process.cwd():
                yield process
        except (psutil.Error, OSError):
            continue


def wait_until(condition: object, seconds: float) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.3)
    return False


def test_a_run_ends_with_verified_weights_answers_and_a_report(
    finished: dict[str, object], recipe: Path
) -> None:
    assert finished["state"] == "succeeded"
    run, model = Path(str(finished["run_dir"])), Path(str(finished["model_dir"]))
    assert (model / "adapter_model.safetensors").stat().st_size > 0
    assert not list(model.rglob("*.bin")) and not list(model.rglob("checkpoint-*"))
    assert (run / "recipe.yml").read_text() == recipe.read_text()
    report = json.loads((run / "report" / "report.json").read_text())
    assert report["n"] == 12
    assert set(report["methods"]) == {"zero-shot", "few-shot", "retrieval", "fine-tuned"}
    assert {"comparisons", "forgetting", "savings"} <= report.keys()
    assert {file.name for file in (run / "report").iterdir()} >= {"rows.jsonl", "report.html"}
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert any("loss" in event for event in events if event["stage"] == "train")


def test_test_rows_never_reach_the_trainer(finished: dict[str, object], recipe: Path) -> None:
    run = Path(str(finished["run_dir"]))
    test_lines = [
        json.loads(line)["line"] for line in (recipe.parent / "data" / "test.jsonl").read_text().splitlines()
    ]
    seen = "".join(path.read_text() for path in (run / "work" / "data").glob("*.jsonl"))
    assert seen and not [line for line in test_lines if json.dumps(line)[1:-1] in seen]


def test_nothing_is_left_running(finished: dict[str, object]) -> None:
    assert wait_until(lambda: not list(processes_of(str(finished["id"]))), 10)


def test_status_list_logs_and_report_tell_the_same(finished: dict[str, object], recipe: Path) -> None:
    status = json.loads(call("status", "last", "--json", cwd=recipe.parent).stdout)
    assert status == json.loads(call("list", "--json", cwd=recipe.parent).stdout)[0]
    assert status["id"] == finished["id"]
    assert "train_loss" in call("logs", "last", cwd=recipe.parent).stdout
    assert "fine-tuned" in call("report", "last", cwd=recipe.parent).stdout


def test_cancel_of_a_detached_run_while_it_trains_leaves_no_process(recipe: Path) -> None:
    run = start_and_wait_for_training(recipe)
    assert call("cancel", run.name, cwd=recipe.parent).returncode == 0
    assert json.loads(call("status", run.name, "--json", cwd=recipe.parent).stdout)["state"] == "cancelled"
    assert wait_until(lambda: not list(processes_of(run.name)), 15)


def test_a_runner_killed_while_it_trains_is_a_failed_run_and_leaves_no_process(recipe: Path) -> None:
    run = start_and_wait_for_training(recipe)
    handle = json.loads((run / "state.json").read_text())["handle"]
    os.kill(int(handle["pid"]), signal.SIGKILL)
    assert wait_until(lambda: not list(processes_of(run.name)), 15)
    status = json.loads(call("status", run.name, "--json", cwd=recipe.parent).stdout)
    assert (status["state"], status["reason"]) == ("failed", "runner_vanished")


def test_ctrl_c_is_exit_130_and_leaves_no_process(recipe: Path) -> None:
    runs = recipe.parent / "runs"
    before = visible(runs)
    process = subprocess.Popen(
        [HF_RECIPES, "run", str(recipe), *SHORT], cwd=recipe.parent, stderr=subprocess.PIPE, text=True
    )
    try:
        assert wait_until(lambda: visible(runs) - before, 60)
        (run,) = visible(runs) - before
        assert wait_until(lambda: training(run), 180)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    assert wait_until(lambda: not list(processes_of(run.name)), 15)
    assert json.loads((run / "state.json").read_text())["state"] == "cancelled"


def start_and_wait_for_training(recipe: Path) -> Path:
    # Enough epochs that training is certainly under way when it is stopped.
    done = call(
        "run",
        str(recipe),
        "--set",
        "params.epochs=50",
        "--set",
        "evaluate.require=null",
        "--detach",
        "--json",
        cwd=recipe.parent,
    )
    assert done.returncode == 0, done.stderr
    run = Path(json.loads(done.stdout)["run_dir"])
    assert wait_until(lambda: training(run), 180), (run / "train.log").read_text()[-2000:]
    return run


def visible(runs: Path) -> set[Path]:
    """A run that is being written down has a leading dot."""
    return {path for path in runs.glob("*") if not path.name.startswith(".")}


def training(run: Path) -> bool:
    state = json.loads((run / "state.json").read_text())
    assert state["state"] not in FINISHED, state
    log = run / "train.log"
    return state["stage"] == "train" and log.exists() and "loading model" in log.read_text(errors="replace")
