"""What anyone who looks at a run is told, whatever state its folder is in."""

from __future__ import annotations

import json
import os
import pickle
import secrets
import subprocess
import sys
import time
import tracemalloc
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.record.state import Reason, State
from hf_recipes.runner import files as runner

MakeRun = Callable[..., Path]


def died_in(run: Path, state: State, **more: Any) -> None:
    """As if its runner, long gone, had left it so."""
    runner.update_state(run, state=state.value, handle={"pid": 2**22 + 1, "started": "1"}, **more)


def test_a_new_run_holds_what_it_was_made_from(make_job: Any, tmp_path: Path) -> None:
    text = "task: llm-sft\r\n# ü\n"
    job = replace(make_job(files={"work/data/README.md": "hello"}), params=MappingProxyType({"lr": 1e-4}))
    run = record.create(job, text, tmp_path / "runs")
    assert (run / "recipe.yml").read_bytes().decode() == text
    assert (run / "work/data/README.md").read_text() == "hello"
    assert json.loads((run / "job.json").read_text())["params"] == {"lr": 1e-4}
    state = record.read_state(run)
    assert (state.id, state.state, state.project_name, state.backend) == (
        run.name,
        State.QUEUED,
        "tiny",
        "local",
    )
    with pytest.raises(ValueError, match="must lie in its run"):
        record.create(make_job(files={"../x": ""}), "", tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == [run]


def test_runs_made_at_once_do_not_share_a_folder(make_job: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Even when the random part of their names is the same digit of three."""
    monkeypatch.setattr("secrets.token_hex", lambda n: secrets.choice("abc") if n == 2 else str(uuid.uuid4()))
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: record.create(make_job(), "", tmp_path), range(5)))
    assert len(set(runs)) == 5 == len(list(tmp_path.iterdir()))
    assert {json.loads((run / "state.json").read_text())["id"] for run in runs} == {run.name for run in runs}


def test_a_run_whose_runner_is_gone_has_failed_and_that_is_written(make_run: MakeRun) -> None:
    run = make_run()
    died_in(run, State.RUNNING, stage="train")
    state = record.read_state(run)
    assert (state.state, state.reason) == (State.FAILED, "runner_vanished")
    assert "during train" in state.message and "train.log" in state.message
    assert json.loads((run / "state.json").read_text())["state"] == "failed"


def test_all_who_look_at_once_agree(make_run: MakeRun) -> None:
    run = make_run()
    died_in(run, State.RUNNING)
    look = f"from hf_recipes import record; from pathlib import Path; print(record.read_state(Path({str(run)!r})).state.value)"
    lookers = [
        subprocess.Popen([sys.executable, "-c", look], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert [looker.communicate()[0] for looker in lookers] == ["failed\n"] * 4
    died_in(run, State.RUNNING)
    with ThreadPoolExecutor(16) as pool:
        assert {state.state for state in pool.map(record.read_state, [run] * 16)} == {State.FAILED}


def test_a_run_that_waits_for_its_runner_is_not_called_failed(make_job: Any, tmp_path: Path) -> None:
    run = record.create(make_job(), "", tmp_path)
    assert record.read_state(run).state is State.QUEUED, "we made it and may be building its environment"
    make = "import sys, pickle; from hf_recipes import record; from pathlib import Path; record.create(pickle.load(sys.stdin.buffer), '', Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", make, str(tmp_path / "gone")], input=pickle.dumps(make_job()), check=True
    )
    (lost,) = record.list_runs(tmp_path / "gone")
    state = record.read_state(lost)
    assert (state.state, state.reason) == (State.FAILED, "runner_vanished"), "who made it is gone"


def test_the_word_of_a_runner_that_lives_counts(make_run: MakeRun) -> None:
    run = make_run()
    died_in(run, State.RUNNING)
    lock = runner.take_lock(run)
    assert lock is not None
    assert record.end(run, State.FAILED, Reason.ENVIRONMENT_FAILED, "x") is None
    assert json.loads((run / "state.json").read_text())["state"] == "running"


def test_what_has_ended_is_not_ended_again(make_run: MakeRun) -> None:
    run = make_run()
    died_in(run, State.SUCCEEDED)
    ended = record.end(run, State.FAILED, Reason.CANCELLED, "x")
    assert ended is not None and ended.state is State.SUCCEEDED


def test_an_end_that_no_disk_can_hold_is_not_waited_for(make_job: Any, tmp_path: Path) -> None:
    """Whoever is to start a run and cannot would otherwise wait for itself."""
    code = """
import pickle, resource, sys
from pathlib import Path
from hf_recipes import record
run = record.create(pickle.loads(sys.stdin.buffer.read()), "", Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
record.end(run, record.State.FAILED, record.Reason.ENVIRONMENT_FAILED, "no room")
for state, _ in record.watch(run):
    print(state.state.value, state.reason, state.message, flush=True)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, input=pickle.dumps(make_job()), capture_output=True, timeout=30)
    assert done.stdout == b"failed environment_failed no room\n", done.stderr
    (run,) = record.list_runs(tmp_path)
    assert record.read_state(run).message == "the process that was to start the run is gone"


def test_a_run_elsewhere_is_not_judged_by_its_lock(make_run: MakeRun) -> None:
    run = make_run(backend="jobs-a10g-large")
    died_in(run, State.RUNNING)
    assert record.read_state(run).state is State.RUNNING


def test_keys_of_a_later_version_are_ignored_and_kept(make_run: MakeRun) -> None:
    run = make_run()
    died_in(run, State.RUNNING, from_the_future=[1])
    assert record.read_state(run).state is State.FAILED
    assert json.loads((run / "state.json").read_text())["from_the_future"] == [1]


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", '{"state": "asleep"}', '{"state": "running", "handle": 3}', "\0" * 99]
)
def test_a_broken_state_is_told_and_not_touched(make_run: MakeRun, text: str | None) -> None:
    run = make_run()
    path = run / "state.json"
    path.unlink() if text is None else path.write_text(text)
    document = record.record_as_json(run)
    assert document["state"] == "failed" and "state.json" in document["message"]
    assert document["id"] == run.name and run in record.list_runs(run.parent)
    assert (path.read_text() if path.exists() else None) == text


def test_killed_between_two_states_the_last_whole_one_stands(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    code = f"""
import itertools
from pathlib import Path
from hf_recipes.runner.files import update_state
for i in itertools.count():
    update_state(Path({str(run)!r}), state="running", message=str(i) * 5000, handle={{}})
"""
    for wait in (0.05, 0.1, 0.15, 0.2):
        before = (run / "state.json").read_text()
        writer = subprocess.Popen([sys.executable, "-c", code])
        while (run / "state.json").read_text() == before:  # a busy machine starts Python slowly
            assert writer.poll() is None
            time.sleep(0.01)
        time.sleep(wait)
        writer.kill()
        writer.wait()
        document = json.loads((run / "state.json").read_text())
        assert document["id"] == run.name
    assert record.read_state(run).reason == "runner_vanished"


def test_a_name_that_is_no_text_comes_back_as_it_was(make_run: MakeRun) -> None:
    """As of a folder from another system, whose bytes are no UTF-8: Python has half characters for them."""
    run = make_run()
    said = f"{os.fsdecode(b'/data/caf' + bytes([233]))}: no such file"
    assert record.update(run, message=said).message == said
    assert record.read_state(run).message == said
    assert (run / "state.json").read_bytes().decode("utf-8")
    assert [path.name for path in run.iterdir() if path.name.startswith(".")] == []


def test_find_by_id_beginning_path_and_last(make_job: Any, tmp_path: Path, monkeypatch: Any) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(record.RunNotFound, match="there is no run"):
        record.find_run("last", runs)
    a, b = (record.create(make_job(project_name=name), "", runs) for name in ("apple", "apricot"))
    (runs / "notes").mkdir()
    (runs / "a-file").touch()
    assert record.list_runs(runs) == [b, a]
    assert record.find_run(a.name, runs) == record.find_run("app", runs) == record.find_run(str(a), runs) == a
    assert record.find_run("last", runs) == record.find_run("latest", runs) == b
    monkeypatch.chdir(tmp_path)
    assert record.find_run(f"runs/{b.name}/", Path("elsewhere")) == b
    with pytest.raises(record.RunNotFound, match="2 runs begin with ap") as ambiguous:
        record.find_run("ap", runs)
    assert set(ambiguous.value.nearest) == {a.name, b.name}
    with pytest.raises(record.RunNotFound, match="no run is called aple") as missing:
        record.find_run("aple" + a.name[5:], runs)
    assert missing.value.nearest[0] == a.name
    for nonsense in ("", ".", "../..", "notes", str(runs)):
        with pytest.raises(record.RunNotFound):
            record.find_run(nonsense, runs)


def test_numbers_come_from_events_and_the_report(make_run: MakeRun) -> None:
    run = make_run()
    assert (
        record.run_metrics(run) == {}
        and record.events(run) == []
        and record.record_as_json(run)["model_dir"] is None
    )
    lines = ['{"stage": "train", "step": 5, "total": 9, "loss": 2.5}', '{"stage": "tr', "[]", '{"stage": "train", "step": 9, "total": 9}',
             '{"stage": "evaluate", "step": 1, "total": 300}', '{"stage": "train", "loss": 1']  # fmt: skip
    (run / "events.jsonl").write_text("\n".join(lines))
    assert record.run_metrics(run) == {"step": 9, "total": 9, "loss": 2.5}
    (run / "report").mkdir()
    report = {"methods": {"fine-tuned": {"metrics": {"exact_match": {"value": 0.97, "low": 0.9, "high": 1}}}}}
    (run / "report" / "report.json").write_text(json.dumps(report))
    assert record.run_metrics(run)["fine-tuned/exact_match"] == 0.97


def test_the_newest_event_is_the_last_whole_one(make_run: MakeRun) -> None:
    run = make_run()
    assert record.last_event(run) is None
    (run / "events.jsonl").write_text('{"step": 1')
    assert record.last_event(run) is None
    with (run / "events.jsonl").open("a") as file:
        file.writelines(
            ["}\n", *(f'{{"step": {n}, "what": "{"ü" * 60}"}}\n' for n in range(2, 5000)), '{"st']
        )
    newest = record.last_event(run)
    assert newest == record.events(run)[-1] and newest["step"] == 4999


def test_the_numbers_of_a_long_run_take_no_more_memory(make_run: MakeRun) -> None:
    run = make_run()
    line = '{"stage": "train", "step": %d, "total": 50000, "loss": 2.5, "lr": 1e-05, "epoch": 0.5}\n'
    (run / "events.jsonl").write_text("".join(line % step for step in range(50_000)))
    tracemalloc.start()
    assert record.run_metrics(run)["step"] == 49_999
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20, "they are read one by one"


def test_checking_the_weights_is_no_step_of_training(make_run: MakeRun) -> None:
    run = make_run()
    lines = ['{"stage": "train", "step": 7, "total": 7, "loss": 2.5}',
             '{"stage": "train", "what": "the weights load and are finite", "step": 1, "total": 1}']  # fmt: skip
    (run / "events.jsonl").write_text("\n".join(lines))
    assert record.run_metrics(run) == {"step": 7, "total": 7, "loss": 2.5}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_receipt_hides_no_run(make_run: MakeRun, text: str) -> None:
    run = make_run()
    (run / "push.json").write_text(text)
    assert record.record_as_json(run)["id"] == run.name


def test_watching_and_following_see_everything_once(make_run: MakeRun, make_step: Any, start: Any) -> None:
    code = """
for i in range(5):
    print(f'::progress {{"step": {i}}}'); print(f'line {i} ü'); time.sleep(0.15)
"""
    run = make_run(make_step("prepare", code))
    start(run)
    events = [event["step"] for _, new in record.watch(run) for event in new]
    assert events == [0, 1, 2, 3, 4]
    text = "".join(record.follow_log(run))
    assert (
        text == (run / "train.log").read_text() and [f"line {i} ü\n" in text for i in range(5)] == [True] * 5
    )
