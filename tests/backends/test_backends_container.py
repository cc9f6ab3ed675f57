"""What runs in a container: start.py as a training Space and an HF Job start it, against the stand-in Hub."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import tomllib

from hf_recipes import record
from hf_recipes.backends.huggingface import runs_repo
from hf_recipes.backends.huggingface.container import start
from hf_recipes.backends.huggingface.container.awake import visit
from hf_recipes.backends.huggingface.container.echo import progress
from hf_recipes.backends.huggingface.container.mirroring import Mirroring
from hf_recipes.backends.huggingface.container.page import page
from hf_recipes.backends.huggingface.data_repo import publish_data
from hf_recipes.backends.huggingface.mirror import Mirror
from hf_recipes.backends.huggingface.package import package
from hf_recipes.backends.huggingface.remote_data import for_remote
from hf_recipes.hub import account
from hub.handle import Hub, environment

RUNS = "ada/hf-recipes-runs"
README = b"---\ntitle: Training\nsdk: docker\napp_port: 7860\n---\n"
DOCKERFILE = b'FROM python:3.12-slim\nWORKDIR /app\nCOPY . /app\nCMD ["python", "start.py"]\n'
COMMIT = rf"/api/datasets/{RUNS}/commit/"


@pytest.fixture
def published(
    logged_in: Hub, make_run: Callable[..., Path], make_step: Callable[..., Any]
) -> Callable[..., Path]:
    """published(code, …) → a run of these steps, in the runs repo."""

    def publish(*codes: str, **changes: Any) -> Path:
        names = ("prepare", "score", "third")
        steps = [make_step(name, code) for name, code in zip(names, codes, strict=False)]
        run = make_run(*steps, **{"backend": "spaces-t4-small", "secrets": ("HF_TOKEN",), **changes})
        runs_repo.publish_run(run, {})
        return run

    return publish


def settings(run: Path) -> dict[str, str]:
    return {"HF_RECIPES_RUNS_REPO": RUNS, "HF_RECIPES_RUN": run.name, "HF_RECIPES_PACKAGE": package().name}


@pytest.fixture
def container(logged_in: Hub, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """container(run) starts the script as an HF Job does: with no Space around it."""
    script = tmp_path / "start.py"
    script.write_text(start.start_script())
    begun: list[subprocess.Popen[str]] = []

    def go(run: Path, **more: str) -> subprocess.Popen[str]:
        given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), **environment(logged_in, tmp_path / "hf")}  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**given, **settings(run), **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        return process

    yield go
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def make_space(hub: Hub, run: Path, **variables: str) -> Any:
    hub.machines.grace = 15.0
    hub.machines.image = {"HF_HUB_DISABLE_XET": "1"}
    name = f"ada/{run.name}"
    account.api().create_repo(
        name,
        repo_type="space",
        space_sdk="docker",
        private=True,
        space_secrets=[{"key": "HF_TOKEN", "value": hub.token}],
        space_variables=[
            {"key": key, "value": value} for key, value in {**settings(run), **variables}.items()
        ],
    )
    script = start.start_script().encode()
    hub.put("space", name, {"README.md": README, "Dockerfile": DOCKERFILE, "start.py": script})
    return hub.space(name)


def remote(run: Path) -> Mapping[str, Any]:
    state = runs_repo.read_remote_state(run.name)
    assert state is not None
    return state


def until(happened: Callable[[], Any], seconds: float = 40.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := happened()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)
    return found


def test_a_space_does_the_run_shows_it_and_pauses_itself(
    logged_in: Hub, published: Callable[..., Path], tmp_path: Path
) -> None:
    go_on = tmp_path / "go-on"
    wait = f"import pathlib, time\nwhile not pathlib.Path({str(go_on)!r}).exists(): time.sleep(0.05)"
    run = published(
        "import os, hf_recipes; print('ours:', hf_recipes.__file__); print('token', os.environ['HF_TOKEN'])",
        wait,
    )
    space = make_space(logged_in, run)
    space.wait("RUNNING")
    until(lambda: remote(run)["stage"] == "evaluate")
    assert remote(run)["state"] == "running"
    with urllib.request.urlopen(f"{space.url}/status.json") as answer:
        assert json.load(answer)["stage"] == "evaluate"
    with urllib.request.urlopen(space.url) as answer:
        assert run.name in answer.read().decode()
    assert space.stage == "RUNNING"
    go_on.touch()

    space.wait("PAUSED")
    state = remote(run)
    assert (state["state"], state["reason"], state["handle"]) == ("succeeded", None, {})
    runs_repo.bring(run)
    log = (run / "train.log").read_text()
    assert "/.cache/hf-recipes/package/" in log and str(Path(__file__).parents[2] / "plugin") not in log
    assert "token [secret]" in log and "token [secret]" in space.run_log.text
    assert logged_in.where(logged_in.token) == ["body of POST /api/repos/create"], "as a secret of the Space"
    assert logged_in.token not in space.run_log.text
    files = [path for path in logged_in.state.folder.rglob("*") if path.is_file()]
    assert files and not [path for path in files if logged_in.token.encode() in path.read_bytes()]


def test_a_failure_is_told_with_its_reason_and_costs_nothing(
    logged_in: Hub, published: Callable[..., Path]
) -> None:
    run = published("raise ValueError('no such column: text')")
    space = make_space(logged_in, run)
    space.wait("PAUSED")
    state = remote(run)
    assert (state["state"], state["reason"]) == ("failed", "step_failed")
    assert state["message"] == "prepare: ValueError: no such column: text"
    assert "no such column" in space.run_log.text


def test_a_hub_that_is_ill_stops_neither_the_training_nor_the_truth(
    logged_in: Hub, published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]]
) -> None:
    run = published("import time; time.sleep(1); print('prepared')", "print('scored')")
    logged_in.fail("POST", COMMIT, 500, times=2)
    logged_in.fail("POST", COMMIT, 429, times=1, headers={"Retry-After": "2"})
    process = container(run)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output
    assert "the runs repo could not be written" in output and "scored" in output
    assert remote(run)["state"] == "succeeded"
    assert b"scored" in logged_in.read("dataset", RUNS, f"{run.name}/train.log")


def test_a_hub_that_refuses_for_good_is_not_asked_for_ever(
    logged_in: Hub, published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]]
) -> None:
    run = published("print('prepared')")
    logged_in.fail("POST", COMMIT, 403, times=1000)
    output, _ = (process := container(run)).communicate(timeout=60)
    assert process.returncode == 0, output
    assert "the end of the run could not be written to the Hub" in output


def test_the_end_is_tried_for_a_while_and_not_for_ever(
    logged_in: Hub, published: Callable[..., Path]
) -> None:
    run = published("")
    said: list[str] = []
    mirror = Mirror(run, RUNS, account.api())
    logged_in.fail("POST", COMMIT, 429, times=1000, headers={"Retry-After": "900"})
    began = time.monotonic()
    assert not Mirroring(mirror, lambda: {**remote(run), "state": "failed"}, said.append).finish(2.0)
    assert 2.0 <= time.monotonic() - began < 20.0 and "could not be written" in said[-1]
    logged_in.state.faults.clear()
    assert Mirroring(mirror, lambda: {**remote(run), "state": "failed"}, said.append).finish(2.0)
    assert remote(run)["state"] == "failed"


def test_an_environment_that_cannot_be_made_ends_the_run_with_the_sentence(
    published: Callable[..., Path],
    container: Callable[..., subprocess.Popen[str]],
    make_run: Callable[..., Path],
    make_step: Callable[..., Any],
) -> None:
    run = make_run(make_step("train", "", "autotrain"), backend="jobs-t4-small")
    runs_repo.publish_run(run, {})
    output, _ = (process := container(run, HF_RECIPES_AUTOTRAIN_PYTHON="/nowhere/python")).communicate(
        timeout=60
    )
    assert process.returncode == 1, output
    state = remote(run)
    assert (state["state"], state["stage"], state["reason"]) == ("failed", "prepare", "environment_failed")
    assert "/nowhere/python is no program that can be run" in state["message"]


def test_making_an_environment_is_shown_as_preparing(
    logged_in: Hub,
    container: Callable[..., subprocess.Popen[str]],
    make_run: Callable[..., Path],
    make_step: Callable[..., Any],
    tmp_path: Path,
) -> None:
    run = make_run(make_step("train", "", "autotrain"), backend="jobs-t4-small")
    runs_repo.publish_run(run, {})
    # An index that answers nothing: uv goes on waiting.
    process = container(run, UV_DEFAULT_INDEX=f"{logged_in.endpoint}/slow", UV_HTTP_TIMEOUT="60")
    logged_in.fail("GET", "^/slow/", delay=30.0, times=100)
    state = until(lambda: (found := remote(run)) and found["state"] == "preparing" and found)
    assert state["stage"] == "prepare"
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=40)
    assert "told to end" in output


def test_a_space_that_its_owner_pauses_ends_with_all_it_started_and_claims_no_end(
    logged_in: Hub, published: Callable[..., Path], tmp_path: Path
) -> None:
    started = tmp_path / "pid"
    run = published(
        f"import os, pathlib, time; pathlib.Path({str(started)!r}).write_text(str(os.getpid())); time.sleep(300)"
    )
    space = make_space(logged_in, run)
    until(started.exists)
    account.api().pause_space(space.id)
    until(lambda: not Path(f"/proc/{started.read_text()}").exists())
    until(lambda: not logged_in.machines.containers[-1].alive)
    assert space.stage == "PAUSED" and "told to end" in space.run_log.text
    assert remote(run)["state"] == "preparing", "why it ended is seen from outside"


def test_a_job_that_is_told_to_end_says_so_and_its_log_is_kept(
    logged_in: Hub, published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]]
) -> None:
    run = published("import time; print('begun', flush=True); time.sleep(300)")
    process = container(run)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("begun"):
            break
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=40)
    assert process.returncode == 1 and output.endswith("hf-recipes: told to end\n"), output
    assert remote(run)["state"] == "preparing"
    assert b"begun" in logged_in.read("dataset", RUNS, f"{run.name}/train.log")


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"state": "running", "stage": "train"}, ("failed", "runner_vanished"), 1),
        ({"state": "preparing", "stage": "prepare"}, ("succeeded", None), 0),
        ({"state": "failed", "reason": "no_weights"}, ("failed", "no_weights"), 1),
        ({"state": "succeeded"}, ("succeeded", None), 0),
    ],
    ids=["training", "preparing", "failed", "succeeded"],
)
def test_a_container_that_is_started_again_trains_nothing_twice(
    logged_in: Hub,
    published: Callable[..., Path],
    container: Callable[..., subprocess.Popen[str]],
    before: dict[str, Any],
    after: tuple[str, str | None],
    code: int,
) -> None:
    run = published("print('worked')")
    state = {**remote(run), **before}
    logged_in.put("dataset", RUNS, {f"{run.name}/state.json": json.dumps(state).encode()})
    output, _ = (process := container(run)).communicate(timeout=60)
    assert process.returncode == code, output
    assert (remote(run)["state"], remote(run)["reason"]) == after
    assert ("worked" in output) is (before["state"] == "preparing")


def test_one_that_hangs_is_stopped_after_its_time_limit(
    logged_in: Hub, published: Callable[..., Path]
) -> None:
    """A Space at work keeps itself awake: without a limit one that hangs would cost for ever."""
    run = published("import time; print('begun', flush=True); time.sleep(300)")
    space = make_space(logged_in, run, HF_RECIPES_TIME_LIMIT="4")
    space.wait("PAUSED", seconds=60)
    assert (remote(run)["state"], remote(run)["reason"]) == ("failed", "container_stopped")
    assert remote(run)["message"].startswith("it was stopped after its time limit of ")
    assert b"begun" in logged_in.read("dataset", RUNS, f"{run.name}/train.log")


def test_a_runner_that_is_killed_is_told_as_lost(
    published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]]
) -> None:
    run = published("import os, signal; os.kill(os.getppid(), signal.SIGKILL); import time; time.sleep(60)")
    output, _ = (process := container(run)).communicate(timeout=60)
    assert process.returncode == 1, output
    assert (remote(run)["state"], remote(run)["reason"]) == ("failed", "runner_vanished")
    assert remote(run)["message"].startswith("the runner was killed by the signal SIGKILL")


def test_a_container_that_cannot_write_its_disk_tells_so(
    published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    run = published("print('worked')")
    (tmp_path / "file").touch()
    output, _ = (process := container(run, HF_RECIPES_HOME=str(tmp_path / "file"))).communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in output, output
    assert remote(run)["state"] == "failed" and "could not begin" in remote(run)["message"]


def test_the_run_finds_its_private_data_in_the_container(
    logged_in: Hub,
    container: Callable[..., subprocess.Popen[str]],
    make_job: Callable[..., Any],
    make_step: Callable[..., Any],
    tmp_path: Path,
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.jsonl").write_text("a row of mine")
    data = publish_data(tmp_path / "mine", "ab" * 32)
    job = make_job(make_step("prepare", "print(open('source/train.jsonl').read())"), backend="jobs-t4-small")
    splits = {"train": "train", "validation": None, "test": None}
    run = record.create(
        for_remote(job, data.repo, data.revision, splits), "task: llm-sft\n", tmp_path / "runs"
    )
    runs_repo.publish_run(run, {})
    output, _ = (process := container(run)).communicate(timeout=60)
    assert process.returncode == 0 and "a row of mine" in output, output

    logged_in.fail("GET", f"/api/datasets/{data.repo}/", 404, times=100)
    again = record.create(
        for_remote(job, data.repo, data.revision, splits), "task: llm-sft\n", tmp_path / "runs"
    )
    runs_repo.publish_run(again, {})
    output, _ = (process := container(again)).communicate(timeout=60)
    assert process.returncode == 1
    assert remote(again)["message"].startswith(f"fetch: reading the data from {data.repo}: there is nothing")


def test_what_cannot_start_says_why_and_pauses_its_space(
    logged_in: Hub, published: Callable[..., Path]
) -> None:
    run = published("print('worked')")
    space = make_space(logged_in, run, HF_RECIPES_PACKAGE="packages/000000000000.zip")
    space.wait("PAUSED")
    assert "the run cannot start" in space.run_log.text
    assert logged_in.token not in space.run_log.text


def test_a_package_that_was_changed_on_the_way_is_not_run(
    logged_in: Hub, published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]]
) -> None:
    run = published("print('worked')")
    logged_in.put("dataset", RUNS, {package().name: package().data + b" "})
    output, _ = (process := container(run)).communicate(timeout=60)
    assert process.returncode == 1 and "is not what was published" in output and "worked" not in output


def test_a_download_that_breaks_prints_no_address_that_opens_a_private_file(
    logged_in: Hub, published: Callable[..., Path], container: Callable[..., subprocess.Popen[str]]
) -> None:
    run = published("print('worked')")
    cut = logged_in.fail("GET", "/_storage/get/", after_bytes=1000)
    output, _ = (process := container(run)).communicate(timeout=60)
    assert process.returncode == 0 and "worked" in output and cut.times == 0
    assert "Signature=" not in output, output


def test_the_package_is_the_same_bytes_each_time_and_holds_what_environments_need() -> None:
    import io
    import zipfile

    assert package() == package()
    names = zipfile.ZipFile(io.BytesIO(package().data)).namelist()
    assert {
        "hf_recipes/backends/huggingface/container/work.py",
        "hf_recipes/shipped/space/requirements.txt",
    } <= set(names)
    assert {"hf_recipes/engines/autotrain/requirements/autotrain-pins.txt", "hf_recipes/py.typed"} <= set(
        names
    )
    assert not [name for name in names if "__pycache__" in name]


def test_the_script_asks_for_what_the_plugin_itself_needs() -> None:
    block = re.search(r"(?ms)^# /// script$(.*?)^# ///$", start.start_script())
    assert block is not None
    header = tomllib.loads(block[1].replace("\n# ", "\n").replace("\n#", "\n"))
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[><=]", each)[0] for each in project["dependencies"]}
    assert {each.split("==")[0] for each in header["dependencies"]} == wanted
    assert "HF_TOKEN=" not in start.start_script()


def test_the_page_shows_what_it_is_told_as_text() -> None:
    shown = page(
        {"id": "tiny", "state": "failed", "stage": None, "message": "<script>", "metrics": {"loss": 1.5}}
    )
    assert "&lt;script&gt;" in shown and "<script>" not in shown and "1.5" in shown and "None" not in shown


def test_progress_is_one_short_line() -> None:
    event = {"stage": "train", "step": 12, "total": 100, "loss": 1.23456, "eta": 40.2}
    assert progress(json.dumps(event)) == "train: step 12 of 100, loss 1.235, 40 s left"
    assert progress("{}") == progress("torn {") == ""


def test_the_token_goes_to_the_spaces_own_address_only() -> None:
    token = {"HF_TOKEN": "some-token"}
    request = visit({**token, "SPACE_HOST": "ada-run.hf.space"})
    assert request is not None and request.full_url == "https://ada-run.hf.space/status.json"
    for host in ("", "evil.example", "hf.space.evil.example", "evil.example/x.hf.space", "u@x.hf.space"):
        assert visit({**token, "SPACE_HOST": host}) is None
    assert visit({"SPACE_HOST": "ada-run.hf.space"}) is None
