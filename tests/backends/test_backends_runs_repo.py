"""The runs repo: what one machine publishes another finds again, private and without a secret."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.backends.huggingface import monitor, runs_repo
from hf_recipes.backends.huggingface.mirror import SENT_MEANWHILE, Mirror
from hf_recipes.backends.huggingface.package import package
from hf_recipes.hub import account
from hf_recipes.hub.errors import HubFailed
from hf_recipes.record.state import State
from hf_recipes.runner.files import read_json
from hub.handle import Hub

RUNS = "ada/hf-recipes-runs"


@pytest.fixture
def run(logged_in: Hub, make_run: Callable[..., Path], make_step: Callable[..., Any]) -> Path:
    return make_run(make_step("prepare", "print(1)"), backend="spaces-t4-small", secrets=("MINE", "HF_TOKEN"), files={"work/extra.py": "x = 1\n"})  # fmt: skip


def test_a_run_is_published_with_our_package_and_restored_elsewhere(
    logged_in: Hub, run: Path, tmp_path: Path
) -> None:
    assert runs_repo.publish_run(run, {}) == RUNS
    repo = logged_in.repo("dataset", RUNS)
    assert repo.private
    assert set(repo.files) >= {
        package().name,
        *(f"{run.name}/{name}" for name in ("job.json", "recipe.yml", "state.json")),
    }
    runs_repo.publish_handle(run, RUNS, {"space": f"ada/{run.name}"})

    monitor = runs_repo.restore(run.name, tmp_path / "elsewhere")
    assert (monitor / "work" / "extra.py").read_text() == "x = 1\n"
    assert read_json(monitor / "job.json") == read_json(run / "job.json")
    assert record.find_run(run.name, tmp_path / "elsewhere") == monitor
    state = record.read_state(monitor)
    assert (state.state, state.handle) == (State.QUEUED, {"space": f"ada/{run.name}"})
    assert runs_repo.list_remote() == [run.name]


def test_the_package_goes_up_once_and_one_publishing_is_one_commit(logged_in: Hub, run: Path) -> None:
    runs_repo.publish_run(run, {})
    before = len(logged_in.repo("dataset", RUNS).history())
    sent = len([one for one in logged_in.requests if one.size > 100_000])
    runs_repo.publish_run(run.rename(run.with_name(run.name + "-again")), {})
    assert len(logged_in.repo("dataset", RUNS).history()) == before + 1
    assert len([one for one in logged_in.requests if one.size > 100_000]) == sent


def test_what_the_container_writes_is_read_and_brought_here_without_its_secrets(
    logged_in: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "hf_" + "q" * 30
    monkeypatch.setenv("MINE", "a secret of mine")
    runs_repo.publish_run(run, {})
    there = tmp_path / "container" / run.name
    client = account.api()
    runs_repo.take(run.name, there, repo=RUNS, client=client)
    mirror = Mirror(there, RUNS, client)
    (there / "train.log").write_text(f"loading with {secret}\n")
    (there / "events.jsonl").write_text('{"stage": "train", "step": 1, "loss": 2.5}\n')
    (there / "report").mkdir()
    (there / "report" / "report.json").write_text('{"methods": {}, "note": "a secret of mine"}')
    state = {**read_json(there / "state.json"), "state": "running", "stage": "train"}
    assert mirror.send(state)
    assert not mirror.send(state), "nothing has changed"
    assert mirror.send({**state, "state": "succeeded"}, last=True)

    remote = runs_repo.read_remote_state(run.name)
    assert remote is not None and remote["state"] == "succeeded"
    runs_repo.bring(run)
    assert (run / "train.log").read_text() == "loading with [secret]\n"
    assert record.run_metrics(run)["loss"] == 2.5
    assert json.loads((run / "report" / "report.json").read_text())["note"] == "[secret]"
    assert read_json(run / "state.json")["state"] == "queued", "the end of a run is judged, not copied"
    for text in (secret, "a secret of mine", logged_in.token):
        assert logged_in.where(text) == []


def test_a_log_that_has_grown_long_is_sent_from_its_end(logged_in: Hub, run: Path) -> None:
    runs_repo.publish_run(run, {})
    line = "x" * 99 + "\n"
    (run / "train.log").write_text(line * 30_000)
    mirror = Mirror(run, RUNS, account.api())
    mirror.send(read_json(run / "state.json"))
    sent = logged_in.read("dataset", RUNS, f"{run.name}/train.log").decode()
    assert SENT_MEANWHILE - 100 < len(sent) <= SENT_MEANWHILE and sent.startswith(line)
    mirror.send(read_json(run / "state.json"), last=True)
    assert len(logged_in.read("dataset", RUNS, f"{run.name}/train.log")) == 3_000_000


def test_bringing_again_reads_only_what_has_changed(logged_in: Hub, run: Path) -> None:
    runs_repo.publish_run(run, {})
    logged_in.put("dataset", RUNS, {f"{run.name}/train.log": b"one\n", f"{run.name}/events.jsonl": b"{}\n"})
    runs_repo.bring(run)
    logged_in.put("dataset", RUNS, {f"{run.name}/train.log": b"one\ntwo\n"})
    before = len(logged_in.requests)
    runs_repo.bring(run)
    assert (run / "train.log").read_text() == "one\ntwo\n"
    assert not [one for one in logged_in.requests[before:] if "events.jsonl" in one.path]


def test_a_state_that_is_written_while_it_is_read_is_read_again(logged_in: Hub, run: Path) -> None:
    """As when the container writes between the client's question for the size and that for the bytes."""
    runs_repo.publish_run(run, {})
    place = f"{run.name}/state.json"
    slow = logged_in.fail("GET", f"/resolve/main/{place}$", delay=1.0, times=1)
    longer = {**read_json(run / "state.json"), "message": "a longer state"}

    def overtake() -> None:
        while slow.times:  # until the client's second question waits
            time.sleep(0.01)
        logged_in.put("dataset", RUNS, {place: json.dumps(longer).encode()})

    writer = threading.Thread(target=overtake)
    writer.start()
    remote = runs_repo.read_remote_state(run.name)
    writer.join()
    assert remote is not None and remote["message"] == "a longer state"


def test_a_hub_that_is_ill_for_a_moment_is_asked_again(logged_in: Hub, run: Path) -> None:
    """The client says of a 500 that the file is not in the cache, and knows no more of it."""
    runs_repo.publish_run(run, {})
    logged_in.fail("HEAD", "/resolve/main/", 500, times=2)
    assert runs_repo.read_remote_state(run.name) is not None
    logged_in.fail("HEAD", "/resolve/main/", 403)
    with pytest.raises(HubFailed) as failed:
        runs_repo.read_remote_state(run.name)
    assert failed.value.reason == "forbidden"


def test_an_unknown_run_has_no_state_and_cannot_be_restored(logged_in: Hub, tmp_path: Path) -> None:
    assert runs_repo.read_remote_state("none-such") is None
    assert runs_repo.list_remote() == []
    with pytest.raises(HubFailed) as failed:
        runs_repo.restore("none-such", tmp_path)
    assert failed.value.reason == "not_found"
    assert record.list_runs(tmp_path) == []


def test_a_public_runs_repo_is_refused(logged_in: Hub, run: Path) -> None:
    logged_in.put("dataset", RUNS, {"README.md": b"hello"}, private=False)
    with pytest.raises(HubFailed, match="is public"):
        runs_repo.publish_run(run, {})
    assert logged_in.where(run.name) == []


def test_a_commit_that_another_run_overtook_is_made_again(logged_in: Hub, run: Path) -> None:
    logged_in.fail("POST", rf"/api/datasets/{RUNS}/commit/", 412, times=2)
    runs_repo.publish_run(run, {})
    assert runs_repo.read_remote_state(run.name) is not None


def test_a_token_that_only_reads_is_told_so(
    logged_in: Hub, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", logged_in.read_token)
    with pytest.raises(HubFailed, match="may only read"):
        runs_repo.publish_run(run, {})


def test_no_event_is_missed_or_told_twice_when_only_the_latest_are_kept() -> None:
    all_events = [{"stage": "train", "step": step} for step in range(10)]
    assert monitor.since(None, all_events[:4]) == all_events[:4]
    assert monitor.since(all_events[3], all_events[2:7]) == all_events[4:7]
    assert monitor.since(all_events[6], all_events[2:7]) == []
    assert monitor.since(all_events[1], all_events[5:]) == all_events[5:]
    assert monitor.since(all_events[1], []) == []
