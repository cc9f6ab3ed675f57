"""Runs on Hugging Face as a person drives them: asked before, followed, left alone, looked up elsewhere, cleaned up after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import environments, record
from hf_recipes.backends.huggingface import submit
from hf_recipes.recipe.model import Data
from hf_recipes.runner.files import read_json, write_json

HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))
RECIPE = """\
task: llm-sft
base_model: ada/base
project_name: sums
backend: spaces-a10g-small
data:
  path: ada/sums
  train_split: train
  chat_template: null
  column_mapping: {text_column: text}
"""


@pytest.fixture
def folder(tmp_path: Path, logged_in: Any, monkeypatch: Any) -> Path:
    """With a recipe, and no environment made: nothing here needs one."""
    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path / "home"))
    for name in ("HF_RECIPES_INFERENCE_PYTHON", "HF_RECIPES_AUTOTRAIN_PYTHON"):
        monkeypatch.delenv(name, raising=False)
    logged_in.builds_hang = True
    logged_in.put("model", "ada/base", {"config.json": b"{}"})
    logged_in.put("dataset", "ada/sums", {"train.jsonl": b'{"text": "1 + 1 = 2"}\n' * 20})
    work = tmp_path / "work"
    work.mkdir()
    (work / "recipe.yml").write_text(RECIPE)
    return work


@pytest.fixture
def call(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def go(*arguments: str, cwd: Path = folder) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [HF_RECIPES, *arguments], cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert "Traceback" not in done.stderr and os.environ["HF_TOKEN"] not in done.stdout + done.stderr
        return done

    return go


@pytest.fixture
def sent(
    logged_in: Any, make_run: Any, make_step: Any, folder: Path, monkeypatch: Any
) -> Callable[..., Path]:
    """sent(data) → a run on a Space that hangs in building, recorded in the folder's runs/."""

    def go(data: str = "ada/sums", project: str = "tiny") -> Path:
        run: Path = make_run(
            make_step("train", ""), backend="spaces-t4-small", secrets=("HF_TOKEN",), project_name=project,
            data=Data(path=data, local=False, train_split="train"),
        )  # fmt: skip
        (folder / "runs").mkdir(exist_ok=True)
        run = run.rename(folder / "runs" / run.name)
        write_json(run / "cost.json", {"per_hour": 0.4, "hours": 1.5})
        submit.begin(run, say=lambda text: None)
        return run

    return go


def spaces(hub: Any) -> list[str]:
    return [id for type, id in hub.state.repos if type == "space"]


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def test_nothing_is_made_before_the_cost_is_agreed_to(
    call: Any, logged_in: Any, folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.delenv("HF_RECIPES_HOME")
    monkeypatch.setenv("HF_RECIPES_INFERENCE_PYTHON", str(environments.ensure("inference", say=print)))
    # Nobody is there to be asked, and how long it takes is not known: the base model has no weights.
    done = call("run", "recipe.yml")
    assert done.returncode == 2 and "--yes" in done.stderr and "$1.00 an hour" in done.stderr
    assert spaces(logged_in) == [] and not (folder / "runs").exists()
    cost = json.loads(call("plan", "recipe.yml", "--json").stdout)["estimate"]["cost"]
    assert cost["per_hour"] == 1.0 and "dollars" not in cost


def test_what_a_run_costs_is_said_also_where_nobody_is_asked(call: Any) -> None:
    done = call("run", "recipe.yml", "--yes", "--detach")
    lines = done.stderr.splitlines()
    said = "sums on spaces-a10g-small: $1.00 an hour; how long it takes could not be estimated"
    assert done.returncode == 0 and said in lines, done.stderr
    assert lines.index(said) < next(
        at for at, line in enumerate(lines) if line.startswith("making the Space")
    )


def test_a_run_that_is_left_alone_is_found_from_another_folder(
    call: Any, logged_in: Any, folder: Path, tmp_path: Path
) -> None:
    done = call("run", "recipe.yml", "--yes", "--detach", "--json")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    assert run["state"] == "queued" and run["hardware"] == "a10g-small" and run["per_hour"] == 1.0
    assert run["model_repo"] == "ada/sums"
    assert spaces(logged_in) == [f"ada/{run['id']}"]

    elsewhere = tmp_path / "laptop"
    elsewhere.mkdir()
    there = {
        "id": run["id"],
        "state": "running",
        "stage": "train",
        "message": "",
        "backend": "spaces-a10g-small",
    }
    files = {f"{run['id']}/state.json": json.dumps(there).encode()}
    files[f"{run['id']}/events.jsonl"] = b'{"stage": "train", "step": 3, "total": 9, "loss": 1.5}\n'
    logged_in.put("dataset", "ada/hf-recipes-runs", files)
    logged_in.space(f"ada/{run['id']}").steer("RUNNING")
    status = json.loads(call("status", run["id"], "--json", cwd=elsewhere).stdout)
    assert (status["state"], status["stage"], status["metrics"]["loss"]) == ("running", "train", 1.5)

    state = {**there, "state": "succeeded", "stage": "push"}
    logged_in.put("dataset", "ada/hf-recipes-runs", {f"{run['id']}/state.json": json.dumps(state).encode()})
    model = logged_in.state.create("model", "ada/sums", private=True)
    logged_in.state.commit(model, f"hf-recipes run {run['id']}", {"model.safetensors": b"weights"})
    for place in (elsewhere, folder):
        status = json.loads(call("status", run["id"], "--json", cwd=place).stdout)
        assert (status["state"], status["per_hour"]) == ("succeeded", 0.0)
    assert logged_in.space(f"ada/{run['id']}").stage == "PAUSED"
    for place in (folder, tmp_path / "desktop"):  # the second one has never heard of the run
        place.mkdir(exist_ok=True)
        refused = call("push", run["id"], cwd=place)
        assert refused.returncode == 1 and f"hf-recipes status {run['id']}" in refused.stderr, (
            "the model is not here"
        )
    unknown = call("status", "nobody-20260101-000000-abcd", cwd=elsewhere)
    assert unknown.returncode == 2 and len(unknown.stderr.splitlines()) == 1


def test_report_and_compare_find_a_run_of_another_machine_too(
    logged_in: Any, call: Any, sent: Any, tmp_path: Path
) -> None:
    run = sent()
    value = {"value": 0.5, "low": 0.2, "high": 0.8}
    method = {"metrics": {"exact_match": value}, "prompt_tokens": 9, "completion_tokens": 3, "seconds": 1.0}
    verdict = {"decision": "baseline", "reason": "The best baseline does better.", "metric": "exact_match"}
    report = {"schema": 1, "n": 8, "methods": {"zero-shot": method, "fine-tuned": method}, "verdict": verdict}
    state = {"id": run.name, "state": "failed", "reason": "gate_not_met", "backend": "spaces-t4-small"}
    files = {"state.json": state, "report/report.json": report}
    there = {f"{run.name}/{name}": json.dumps(content).encode() for name, content in files.items()}
    logged_in.put("dataset", "ada/hf-recipes-runs", there)
    desktop, laptop = tmp_path / "desktop", tmp_path / "laptop"
    for place in (desktop, laptop):
        place.mkdir()
    found = call("report", run.name, "--json", cwd=desktop)
    assert found.returncode == 0 and json.loads(found.stdout)["verdict"] == verdict, found.stderr
    refused = call("compare", run.name, cwd=laptop)
    assert refused.returncode == 1 and "has no model" in refused.stderr, refused.stderr


def test_without_a_login_one_line_says_what_to_type(call: Any, folder: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    done = subprocess.run(
        [HF_RECIPES, "run", "recipe.yml", "--yes"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 1 and "hf auth login" in done.stderr and "Traceback" not in done.stderr


def test_whoever_is_not_logged_in_reads_why_a_run_elsewhere_is_not_found(
    folder: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HF_TOKEN", "")
    command = [HF_RECIPES, "status", "sums-20260101-000000-abcd"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "hf auth login" in done.stderr


def test_list_shows_what_runs_and_what_it_costs_by_the_hour(call: Any, sent: Any, folder: Path) -> None:
    run = sent()
    done = call("list")
    assert run.name in done.stdout and "$0.40/h" in done.stdout and "$0.40 an hour" in done.stderr
    call("cancel", run.name)
    done = call("list")
    assert "$0.40" not in done.stdout + done.stderr and "cancelled" in done.stdout


def test_list_and_status_answer_when_the_hub_does_not(
    call: Any, sent: Any, monkeypatch: Any, folder: Path
) -> None:
    run = sent()
    monkeypatch.setenv("HF_TOKEN", "hf" + "_" + "x" * 30)
    for arguments in (("list", "--json"), ("status", run.name, "--json")):
        done = call(*arguments)
        assert done.returncode == 0 and "as it was known last" in done.stderr
        assert "queued" in done.stdout


def test_a_hub_that_cannot_be_reached_is_said_once_and_what_was_known_last_is_shown(
    call: Any, sent: Any, monkeypatch: Any
) -> None:
    first, second = sent(), sent(project="second")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = call("list")
    assert done.returncode == 0 and first.name in done.stdout and second.name in done.stdout
    said = f"{second.name} as it was known last: asking for the Space ada/{second.name}: the Hub cannot be reached"
    assert done.stderr.count("cannot be reached") == 1 and said in done.stderr
    assert "all other runs on Hugging Face, too" in done.stderr
    done = call("status", first.name)
    assert done.returncode == 0 and f"{first.name} as it was known last" in done.stderr


def test_cancel_from_another_folder(call: Any, sent: Any, logged_in: Any, tmp_path: Path) -> None:
    run = sent()
    other = tmp_path / "other"
    other.mkdir()
    done = call("cancel", run.name, cwd=other)
    said = f"{run.name}: cancelled: the Space ada/{run.name} is stopped and costs nothing from now on"
    assert (done.returncode, done.stderr.strip()) == (0, said)
    assert logged_in.space(f"ada/{run.name}").stage == "PAUSED"
    assert json.loads(call("status", run.name, "--json").stdout)["state"] == "cancelled"


def test_clean_deletes_what_finished_runs_left_and_nothing_else(
    call: Any, sent: Any, logged_in: Any, folder: Path
) -> None:
    for name in ("ada/hf-recipes-data-000000000000", "ada/hf-recipes-data-111111111111"):
        logged_in.state.create("dataset", name, private=True)
    logged_in.state.create("space", "ada/page", sdk="gradio")
    done_run, other, going = (
        sent("ada/hf-recipes-data-000000000000"),
        sent("ada/hf-recipes-data-111111111111", "second"),
        sent("ada/hf-recipes-data-111111111111", "third"),
    )
    for run in (done_run, other):
        call("cancel", run.name)
    refused = call("clean")
    assert refused.returncode == 2 and "nothing was deleted" in refused.stderr
    listed = refused.stdout
    assert f"ada/{done_run.name}" in listed and "data-000000000000" in listed
    assert going.name not in listed and "data-111111111111" not in listed
    assert "ada/page" not in listed and "ada/sums" not in listed
    assert len(spaces(logged_in)) == 4
    # Of one run alone; and then of all, from a folder that has none of them.
    assert call("clean", other.name, "--yes").returncode == 0
    assert f"ada/{other.name}" not in spaces(logged_in)
    assert call("clean", "--yes", "--runs-dir", "nowhere").returncode == 0
    assert sorted(spaces(logged_in)) == sorted([f"ada/{going.name}", "ada/page"])
    kept = {id for type, id in logged_in.state.repos if type == "dataset"}
    assert kept == {"ada/hf-recipes-data-111111111111", "ada/sums", "ada/hf-recipes-runs"}
    assert "nothing to delete" in call("clean", "--yes").stderr


def test_ctrl_c_of_a_run_that_is_followed_leaves_it_and_says_how_to_go_on(
    folder: Path, logged_in: Any
) -> None:
    process = subprocess.Popen(
        [HF_RECIPES, "run", "recipe.yml", "--yes"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines: list[str] = []
    while not lines or not lines[-1].startswith("queued"):
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    (space,) = spaces(logged_in)
    run = space.partition("/")[2]
    assert process.returncode == 130
    assert f"hf-recipes logs -f {run}" in said and f"hf-recipes cancel {run}" in said
    assert "Traceback" not in said
    assert logged_in.space(space).stage == "BUILDING", "it goes on"


@pytest.mark.parametrize(
    "slow",
    ["/api/datasets/ada/hf-recipes-runs/commit/", "/api/repos/create", "/api/spaces/.*/commit/"],
    ids=["publishing", "creating", "uploading"],
)
def test_ctrl_c_while_a_run_is_sent_leaves_nothing(folder: Path, logged_in: Any, slow: str) -> None:
    logged_in.state.create("dataset", "ada/hf-recipes-runs", private=True)
    logged_in.fail("POST", slow, delay=4.0)
    process = subprocess.Popen(
        [HF_RECIPES, "run", "recipe.yml", "--yes"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    wait_for(
        lambda: any(one.status is None and slow.split(".*")[0] in one.path for one in logged_in.requests)
    )
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "Traceback" not in said, said
    (run,) = record.list_runs(folder / "runs")
    assert read_json(run / "state.json")["state"] == "cancelled"
    wait_for(
        lambda: all(one.status is not None for one in logged_in.requests if slow.split(".*")[0] in one.path)
    )
    assert spaces(logged_in) == []


def test_a_run_on_this_machine_is_pushed_when_its_command_says_so(
    call: Callable[..., Any], folder: Path, logged_in: Any
) -> None:
    """No username and no token in the recipe: whoever is logged in. Where the push could not be, nothing is trained."""
    (folder / "train.jsonl").write_text('{"text": "1 + 1 = 2"}\n' * 20)
    here = RECIPE.replace("ada/base", "bundled/smollm2-135m-instruct").replace("ada/sums", ".")
    (folder / "recipe.yml").write_text(here.replace("spaces-a10g-small", "local"))
    logged_in.put("model", "ada/sums", {"model.safetensors": b"of another"})
    done = call("run", "recipe.yml", "--push")
    assert done.returncode == 1 and "ada/sums is there already" in done.stderr, done.stderr
    [run] = (folder / "runs").iterdir()
    assert read_json(run / "job.json")["push"]["repo"] is None
    assert not (run / "model").exists()
