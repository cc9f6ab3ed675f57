"""The whole road with engines and a backend that nobody has heard of: validate, plan, run, eval, report, push, compare."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from browser.answers import ask, pane, wait_for
from fakes.provider import KEY, SILENT, provider
from hf_recipes import environments

HERE = Path(__file__).resolve().parent
TINY_BASE = HERE.parent / "engines" / "tiny_base.py"
RECIPE = """\
task: llm-sft
engine: {engine}
base_model: base
project_name: numbers
backend: processes
data:
  path: data
  train_split: train
  test_split: test
  messages:
    - {{role: user, content: "say {{number}}"}}
    - {{role: assistant, content: "it is {{number}}"}}
params: {params}
evaluate:
  metrics: [exact_match]
  baselines: [zero-shot]
  max_new_tokens: 8
"""
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a base of a few thousand weights and rows."""
    folder = tmp_path_factory.mktemp("fakes")
    python = environments.ensure("inference", say=print)
    subprocess.run([str(python), str(TINY_BASE), str(folder / "base")], check=True, capture_output=True)
    (folder / "data").mkdir()
    rows = [json.dumps({"number": number}) + "\n" for number in range(60)]
    (folder / "data" / "train.jsonl").write_text("".join(rows[:40]))
    (folder / "data" / "test.jsonl").write_text("".join(rows[40:]))
    packages = folder / "packages"
    packages.mkdir()
    (packages / "hf_recipes").symlink_to(HERE.parents[1] / "plugin" / "hf_recipes")
    (packages / "fakes").symlink_to(HERE)
    return folder


@pytest.fixture(scope="module")
def call(made: Path) -> Call:
    def go(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(HERE / "command.py"), str(made / "packages"), *arguments]
        return subprocess.run(
            command, cwd=made, capture_output=True, text=True, env={**os.environ, **environ}
        )

    return go


@pytest.fixture
def page(made: Path) -> Iterator[Callable[[str], str]]:
    """Serve the page of a run as a person does; returns its address."""
    started: list[subprocess.Popen[str]] = []

    def serve(run: str) -> str:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "command.py"), str(made / "packages"), "compare", run],
            cwd=made,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "SERVED_KEY": KEY},
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield serve
    for process in started:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write(made: Path, engine: str, params: str) -> str:
    (made / f"{engine}.yml").write_text(RECIPE.format(engine=engine, params=params))
    return f"{engine}.yml"


def test_an_engine_is_one_folder(made: Path, call: Call, page: Callable[[str], str], browser: Any) -> None:
    recipe = write(made, "copying", "{change: 0.5}")
    assert answer(call("validate", recipe, "--json")) == []
    plan = answer(call("plan", recipe, "--json"))
    assert (plan["engine"], plan["backend"], plan["params"]["change"]) == ("copying", "processes", 0.5)
    assert plan["sources"]["seed"] == "Copying default" and plan["overrides"]["OMP_NUM_THREADS"]["why"]
    assert plan["data"]["rows"] == {"train": 40, "validation": 0, "test": 20}

    run = answer(call("run", recipe, "--json"))
    assert run["state"] == "succeeded" and run["where"].startswith("process ")
    folder = Path(run["run_dir"])
    report = json.loads((folder / "report" / "report.json").read_text())
    assert set(report["methods"]) == {"zero-shot", "fine-tuned"} and report["n"] == 20
    assert "the weights load and are finite" in (folder / "events.jsonl").read_text()
    assert "forgetting" in report, "weights are there, so what they cost is measured"

    assert call("eval", "last", "--set", "evaluate.limit=10").returncode == 0
    assert json.loads((folder / "report" / "report.json").read_text())["n"] == 10
    assert "fine-tuned" in call("report", "last").stdout
    assert "copying with 40 rows" in call("logs", "last").stdout
    asked = browser.new_page()
    asked.goto(page(run["id"]))
    ask(asked, "say 41")
    wait_for(asked, "done")
    asked.close()


def test_a_pushed_card_names_the_engine_that_trained(made: Path, call: Call, logged_in: Any) -> None:
    recipe = write(made, "copying", "{change: 0.25}")
    run = answer(call("run", recipe, "--push", "--json"))
    assert run["state"] == "succeeded" and run["model_repo"] == "ada/numbers"
    card = logged_in.read("model", "ada/numbers", "README.md").decode()
    assert "Copying 1.0" in card and "AutoTrain" not in card
    assert json.loads(logged_in.read("model", "ada/numbers", "hf_recipes.json"))["engine"] == "copying 1.0"


def test_an_engine_may_give_an_endpoint(
    made: Path, call: Call, page: Callable[[str], str], browser: Any, logged_in: Any
) -> None:
    with provider() as url:
        recipe = write(made, "served", f"{{url: '{url}'}}")
        assert answer(call("validate", recipe, "--json")) == []
        assert answer(call("plan", recipe, "--json"))["engine"] == "served"

        done = call("run", recipe, SERVED_KEY=KEY)
        assert done.returncode == 0, done.stderr
        assert f"model: small:tuned at {url}/v1" in done.stderr
        run = answer(call("status", "last", "--json"))
        folder = Path(run["run_dir"])
        assert run["state"] == "succeeded" and run["model_dir"] is None
        report = json.loads((folder / "report" / "report.json").read_text())
        assert report["verdict"]["decision"] == "fine-tuned"
        assert report["methods"]["fine-tuned"]["metrics"]["exact_match"]["value"] == 1.0
        assert report["methods"]["zero-shot"]["metrics"]["exact_match"]["value"] == 0.0
        assert "forgetting" not in report, "nobody sees the weights"
        for file in folder.rglob("*"):
            assert not file.is_file() or KEY.encode() not in file.read_bytes(), file

        assert call("eval", "last", "--anew", SERVED_KEY=KEY).returncode == 0
        assert "fine-tuned" in call("report", "last").stdout
        refused = call("push", "last")
        assert refused.returncode == 1 and "it has no weights to push" in refused.stderr

        asked = browser.new_page()
        asked.goto(page(run["id"]))
        ask(asked, "say 41")
        wait_for(asked, "done")
        assert pane(asked, "fine-tuned")["text"] == "it is 41" and pane(asked, "base")["text"] == "who knows"
        asked.close()


def test_an_endpoint_that_does_not_answer_is_no_success(made: Path, call: Call) -> None:
    with provider() as url:
        recipe = write(made, "served", f"{{url: '{url}'}}")
        done = call("run", recipe, "--json", SERVED_KEY="another-key")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and (found["state"], found["stage"]) == ("failed", "train")


def test_what_was_trained_must_answer_before_the_run_succeeds(made: Path, call: Call) -> None:
    with provider() as url:
        recipe = write(made, "served", f"{{url: '{url}{SILENT}'}}")
        done = call("run", recipe, "--json", SERVED_KEY=KEY)
    found = json.loads(done.stdout)
    assert done.returncode == 1 and (found["state"], found["reason"]) == ("failed", "endpoint_invalid")
    assert not (Path(found["run_dir"]) / "endpoint.json").exists()


def test_what_an_engine_does_not_take_is_told_by_its_own_names(made: Path, call: Call) -> None:
    recipe = write(made, "copying", "{lr: 1e-4}")
    (problem,) = json.loads(call("validate", recipe, "--json").stdout)
    assert problem["message"] == "params.lr: unknown" and "change" in problem["hint"]
    recipe = write(made, "copying", "{change: 0}")
    (problem,) = json.loads(call("validate", recipe, "--json").stdout)
    assert (problem["code"], problem["line"]) == ("no-change", 13)
    recipe = write(made, "copyng", "{change: 1}")
    found = [
        one for one in json.loads(call("validate", recipe, "--json").stdout) if "engine" in one["message"]
    ]
    assert [one["hint"] for one in found] == ["did you mean copying?"]
    assert "params.change" in call("schema", "--field", "params.change", "--engine", "copying").stdout
    schema = json.loads(call("schema", "--engine", "copying").stdout)
    assert schema["properties"]["engine"]["anyOf"][0]["enum"] == ["autotrain", "trl", "copying", "served"]


def test_a_run_on_another_backend_is_cancelled_there(made: Path, call: Call) -> None:
    recipe = write(made, "copying", "{change: 0.5}")
    run = call("run", recipe, "--detach").stdout.strip()
    state = answer(call("cancel", run, "--json"))
    assert state["state"] == "cancelled" and answer(call("status", run, "--json"))["state"] == "cancelled"
