"""`hf-recipes eval RUN`, as a person calls it, on a run with tiny real models."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import environments, record
from hf_recipes.record.state import Reason, State
from hf_recipes.runner.files import take_lock
from hf_recipes.runner.processes import marked

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")
RECIPE = """\
task: llm-sft
base_model: {base}
project_name: tiny
backend: local
log: none
data: {{path: {data}, train_split: train, test_split: test, chat_template: tokenizer, messages: [{{role: user, content: "{{q}}"}}, {{role: assistant, content: "{{a}}"}}]}}
params: {{peft: true}}
"""


@pytest.fixture(scope="module")
def python() -> str:
    return str(environments.ensure("inference", say=print))


@pytest.fixture(scope="module")
def models(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """base/ and model/, an adapter for it."""
    folder = tmp_path_factory.mktemp("models")
    script = str(Path(__file__).with_name("tiny_run.py"))
    subprocess.run([python, script, str(folder / "base"), str(folder)], check=True)
    return folder


@pytest.fixture
def measured(
    make_job: Callable[..., Any], tmp_path: Path, python: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A run that has succeeded, whose recipe had no `evaluate:`; 20 test rows and 2 shots were set aside."""
    monkeypatch.setenv("HF_RECIPES_INFERENCE_PYTHON", python)
    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path / "home"))
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "test"):
        (data / f"{split}.jsonl").write_text('{"q": "say 1", "a": "1"}\n')
    base = models / "base"
    job = make_job(
        base_model=str(base),
        data={"path": str(data), "local": True, "train_split": "train", "test_split": "test"},
    )
    run = record.create(job, RECIPE.format(base=base, data=data), tmp_path / "runs")
    shutil.copytree(models / "model", run / "model")
    questions = [[{"role": "user", "content": f"say {n}"}] for n in range(22)]
    rows = [{"row": n, "messages": asked, "reference": str(n)} for n, asked in enumerate(questions[:20])]
    write(run / "work" / "test.jsonl", *rows)
    shots = [{"messages": [*asked, {"role": "assistant", "content": "7"}]} for asked in questions[20:]]
    write(run / "work" / "shots.jsonl", *shots)
    write(run / "work" / "prepared.json", {"base_model": str(base)})
    record.end(run, State.SUCCEEDED, None, "")
    return run


def write(path: Path, *documents: Any) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in documents))


def call(run: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HF_RECIPES), "eval", *arguments, str(run)], cwd=run.parent, capture_output=True, text=True
    )


def test_a_run_is_measured_otherwise_wherever_its_recipe_data_and_base_lay(
    measured: Path, tmp_path: Path
) -> None:
    """The recipe named its base and its data by where they lay beside it; a file that --set names is looked for there too."""
    text = (measured / "recipe.yml").read_text()
    base = json.loads((measured / "job.json").read_text())["base_model"]
    relative = text.replace(base, "./base").replace(str(tmp_path / "data"), "data/train.jsonl")
    (measured / "recipe.yml").write_text(
        relative + "hub: {username: '${NOT_SET_ANY_MORE}', push_to_hub: true}\n"
    )
    job = json.loads((measured / "job.json").read_text())
    (tmp_path / "lay").mkdir()
    (tmp_path / "lay" / "db.sqlite").write_bytes(b"")
    write(measured / "job.json", {**job, "recipe_folder": str(tmp_path / "lay")})
    done = call(measured, *METRICS)
    assert done.returncode == 0, done.stderr
    section = "evaluate.metrics=[{name: sql_execution, options: {database: DB}}]"
    missing = call(measured, "--set", section.replace("DB", "nowhere.sqlite"))
    assert missing.returncode == 2 and "evaluate.metrics" in missing.stderr, missing.stderr
    found = call(measured, "--set", section.replace("DB", "db.sqlite"))
    assert found.returncode != 2, found.stderr


METRICS = ("--set", "evaluate.metrics=[exact_match]", "--set", "evaluate.max_new_tokens=4")


def test_a_run_whose_recipe_said_nothing_of_evaluating_is_measured_with_set(measured: Path) -> None:
    before = (measured / "state.json").read_bytes()
    without = call(measured)
    assert (
        without.returncode == 1
        and "has no evaluate:" in without.stderr
        and len(without.stderr.splitlines()) == 1
    )
    done = call(measured, *METRICS, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == json.loads((measured / "report" / "report.json").read_text())
    assert report["n"] == 20 and set(report["methods"]) == {"zero-shot", "few-shot", "fine-tuned"}
    assert "evaluate" in done.stderr
    assert (measured / "state.json").read_bytes() == before
    # What was set stands in the job now, so that it can be asked again without saying it.
    again = call(measured)
    assert again.returncode == 0 and "exact" in again.stdout, again.stderr
    rows = [json.loads(line) for line in (measured / "answers" / "few-shot.jsonl").read_text().splitlines()]
    assert all(row["cached"] for row in rows)
    assert call(measured, "--anew").returncode == 0
    assert '"cached": true' not in (measured / "answers" / "few-shot.jsonl").read_text()


def test_a_gate_that_is_not_met_is_exit_1_and_leaves_the_state(measured: Path) -> None:
    done = call(measured, *METRICS, "--set", "evaluate.require={exact_match: {at_least: 1.0}}")
    assert done.returncode == 1
    assert "gate not met: exact_match" in done.stderr
    assert record.read_state(measured).state is State.SUCCEEDED


def test_ctrl_c_leaves_no_child_and_the_next_one_goes_on_from_there(measured: Path) -> None:
    rows = [
        {"row": n, "messages": [{"role": "user", "content": f"say {n % 500} " * 20}], "reference": "x"}
        for n in range(3000)
    ]
    write(measured / "work" / "test.jsonl", *rows)
    few = (
        *METRICS[:2],
        "--set",
        "evaluate.baselines=[zero-shot]",
        "--set",
        "evaluate.batch_size=8",
        "--set",
        "evaluate.max_new_tokens=32",
    )
    process = subprocess.Popen(
        [str(HF_RECIPES), "eval", *few, str(measured)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    part = measured / "answers" / "zero-shot.jsonl.part"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (part.exists() and part.stat().st_size):
        time.sleep(0.05)
    second = call(measured, *few)
    assert second.returncode == 1 and "another hf-recipes" in second.stderr
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and said.strip().endswith("interrupted")
    assert not marked(measured)
    assert json.loads((measured / "job.json").read_text())["evaluate"] is None
    write(measured / "work" / "test.jsonl", *rows[:200])
    assert call(measured, *few).returncode == 0
    assert '"cached": true' in (measured / "answers" / "zero-shot.jsonl").read_text()


def test_last_words_without_a_line_s_end_are_heard(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dies = tmp_path / "dies"
    dies.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exec {sys.executable} -c "print([])"\nprintf "RuntimeError: no room"\nexit 3\n'
    )
    dies.chmod(0o755)
    monkeypatch.setenv("HF_RECIPES_INFERENCE_PYTHON", str(dies))
    done = call(measured, *METRICS)
    assert done.returncode == 1 and "error: RuntimeError: no room; log: " in done.stderr
    assert (measured / "eval.log").read_text() == "RuntimeError: no room\n"


def test_what_cannot_be_measured_is_one_clear_sentence(measured: Path, make_run: Callable[..., Path]) -> None:
    waiting = make_run()
    assert_said(waiting, "is still queued")
    record.end(waiting, State.FAILED, Reason.TRAINER_FAILED, "crashed", stage="train")
    assert_said(waiting, "has no model: it failed during train")
    assert_said(measured, "only evaluate.… can be set here", "--set", "params.lr=1")
    away = json.loads((waiting / "state.json").read_text())
    away.update(backend="spaces-t4-small", state="succeeded", handle={"model": "me/tiny"})
    (waiting / "state.json").write_text(json.dumps(away))
    assert_said(waiting, "is on Hugging Face: me/tiny")
    (measured / "work" / "shots.jsonl").unlink()
    assert_said(measured, "leave it out with --set evaluate.baselines=[zero-shot]", *METRICS)
    (measured / "work" / "test.jsonl").unlink()
    assert_said(measured, "the prepared data of", *METRICS)


def test_what_the_rows_lack_is_said_before_any_is_answered(measured: Path) -> None:
    rows = [json.loads(line) for line in (measured / "work" / "test.jsonl").read_text().splitlines()]
    write(measured / "work" / "test.jsonl", *rows[:-1], {**rows[-1], "reference": "none"})
    said = "row 19 of the test rows can't be measured by number_match: its expected answer holds no number"
    assert_said(measured, said, "--set", "evaluate.metrics=[exact_match,number_match]")
    write(measured / "work" / "test.jsonl", *({**row, "reference": '{"qty": 1}'} for row in rows))
    misspelt = "evaluate.metrics=[{name: json_f1, options: {fields: [quantity]}}]"
    said = "no expected answer has the field 'quantity', which json_f1 counts; the fields are qty"
    assert_said(measured, said, "--set", misspelt)
    assert not (measured / "answers").exists()


def test_files_that_the_recipe_named_are_found_though_the_run_lies_elsewhere(
    measured: Path, tmp_path: Path
) -> None:
    """`database` and `documents` count from where the recipe was, and the run keeps its recipe in a folder of its own."""
    sqlite3.connect(tmp_path / "shop.db").execute("CREATE TABLE t (a)").connection.close()
    recipe = (measured / "recipe.yml").read_text()
    metric = "{name: sql_execution, options: {database: shop.db}}"
    (measured / "recipe.yml").write_text(
        f"{recipe}evaluate: {{metrics: [{metric}], documents: notes.md, baselines: [retrieval], max_new_tokens: 4}}\n"
    )
    job = json.loads((measured / "job.json").read_text())
    job["evaluate"] = {
        "metrics": [{"name": "sql_execution", "options": {"database": str(tmp_path / "shop.db")}}],
        "baselines": ["retrieval"],
        "documents": str(tmp_path / "notes.md"),
        "max_new_tokens": 4,
    }
    (tmp_path / "notes.md").write_text("say it")
    (measured / "job.json").write_text(json.dumps(job))
    assert_said(measured, "set no passages of documents aside", "--set", "evaluate.limit=3")
    assert_said(measured, "passages are made of documents", "--set", "evaluate.documents=notes.md")
    rows = [json.loads(line) for line in (measured / "work" / "test.jsonl").read_text().splitlines()]
    write(measured / "work" / "test.jsonl", *({**row, "reference": f"SELECT {row['row']}"} for row in rows))
    write(measured / "work" / "passages.jsonl", {"id": "notes.md#1", "text": "say it"})
    done = call(measured, "--set", "evaluate.limit=3")
    assert done.returncode == 0, done.stderr
    report = json.loads((measured / "report" / "report.json").read_text())
    assert report["n"] == 3 and set(report["methods"]) == {"retrieval", "fine-tuned"}
    kept = json.loads((measured / "job.json").read_text())
    assert kept["settings"] == ["evaluate.limit=3"]
    assert kept["evaluate"]["documents"] == str(tmp_path / "notes.md")


def test_fewer_shots_are_fewer_and_more_than_were_set_aside_are_refused(measured: Path) -> None:
    few = (*METRICS, "--set", "evaluate.baselines=[few-shot]")
    assert call(measured, *few, "--set", "evaluate.shots=1").returncode == 0
    rows = [json.loads(line) for line in (measured / "answers" / "few-shot.jsonl").read_text().splitlines()]
    assert {len(row["prompt"]) for row in rows} == {3}
    prepared = json.loads((measured / "work" / "prepared.json").read_text())
    write(measured / "work" / "prepared.json", {**prepared, "pool": 100})
    assert_said(measured, "set 2 examples aside for few-shot, not 9", *few, "--set", "evaluate.shots=9")


def test_a_wrong_setting_is_a_problem_of_the_recipe(measured: Path) -> None:
    done = call(measured, "--set", "evaluate.metrics=[exact_mach]")
    assert done.returncode == 2 and "exact_match" in done.stderr


def test_a_run_that_is_being_pushed_is_waited_for(measured: Path) -> None:
    lock = take_lock(measured)
    assert lock is not None
    assert_said(measured, "another hf-recipes", *METRICS)
    os.close(lock)


def assert_said(run: Path, sentence: str, *arguments: str) -> None:
    done = call(run, *arguments)
    assert done.returncode == 1
    assert sentence in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not done.stdout
