"""Damaged, missing and moved files of a run are one sentence, and never hide the other runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes import record
from hf_recipes.cli import errors
from hf_recipes.cli.main import cli
from hf_recipes.cli.terminal import CleanStream
from hf_recipes.runner import run as runner

DEEP = "[" * 100_000
STATE = '{"state": "succeeded", "created": "2026-02-01"'
NAME = "tiny-20260201-000000-abcd"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs, the older one whole."""
    for name in ("whole-20260101-000000-abcd", NAME):
        run = tmp_path / "runs" / name
        (run / "report").mkdir(parents=True)
        (run / "model").mkdir()
        (run / "model" / "model.safetensors").touch()
        (run / "job.json").write_text(json.dumps({"project_name": "tiny", "steps": [], "evaluate": {}}))
        stamp = f"2026-0{1 + (name == NAME)}-01"
        (run / "state.json").write_text(json.dumps({"id": name, "state": "succeeded", "created": stamp}))
        (run / "report" / "report.json").write_text('{"methods": {}}')
    return tmp_path / "runs"


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        """The command as the console script does it: its exit code, stdout and stderr."""
        with monkeypatch.context() as patch:
            for name in ("stdout", "stderr"):
                patch.setattr(sys, name, CleanStream(getattr(sys, name)))
            try:
                code = cli.main(args=list(arguments), prog_name="hf-recipes", standalone_mode=False)
            except BaseException as error:
                code = errors.explain_error(error, debug=False)
        out, err = capsys.readouterr()
        return code if isinstance(code, int) else 0, out, err

    return run


DAMAGES: dict[str, tuple[str, str]] = {
    "state.json cut short": ("state.json", STATE),
    "state.json nested": ("state.json", f'{STATE}, "handle": {DEEP}'),
    "state.json nested and closed": ("state.json", f'{STATE}, "handle": {DEEP}{"]" * 100_000}}}'),
    "state.json with half a character": (
        "state.json",
        STATE + ', "message": "half \\ud83d", "stage": "\\udc80"}',
    ),
    "state.json empty": ("state.json", ""),
    "state.json of numbers": ("state.json", STATE + ', "backend": 7, "message": {}, "id": null}'),
    "state.json of another state": ("state.json", '{"state": ["running"]}'),
    "job.json cut short": ("job.json", '{"project_name": "ti'),
    "job.json nested": ("job.json", '{"steps": ' + DEEP),
    "job.json of numbers": (
        "job.json",
        '{"project_name": 7, "steps": 8, "secrets": {"a": 1}, "evaluate": []}',
    ),
    "events nested": ("events.jsonl", f'{DEEP}\n{{"stage": "train", "loss": "\\ud83d"}}\n'),
    "report cut short": ("report/report.json", '{"methods": {"zero-shot"'),
    "report nested": ("report/report.json", DEEP),
    "report of numbers": (
        "report/report.json",
        '{"methods": {"zero-shot": {"metrics": {"m": {"value": {}}}}}}',
    ),
    "receipt nested": ("push.json", DEEP),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_told_and_hides_no_other_run(
    name: str, runs: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    file, content = DAMAGES[name]
    (runs / NAME / file).write_text(content)
    code, out, err = command("list", "--runs-dir", str(runs))
    assert code == 0, err
    assert out.index(NAME) < out.index("whole-20260101-000000-abcd")
    code, out, _ = command("list", "--runs-dir", str(runs), "--json")
    assert code == 0 and len(json.loads(out)) == 2
    for arguments in (
        ["status", "last"],
        ["eval", "last"],
        ["report", "last"],
        ["logs", "last"],
        ["cancel", "last"],
    ):
        code, _, err = command(*arguments, "--runs-dir", str(runs))
        assert code != errors.BUG, (arguments, err)
        assert "Traceback" not in err and len(err.splitlines()) <= 2


def test_a_run_of_an_unknown_backend_is_shown_as_recorded_and_hides_no_other_run(
    runs: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    state = runs / NAME / "state.json"
    state.write_text(
        json.dumps({**json.loads(state.read_text()), "backend": "moon-base", "state": "running"})
    )
    said = "its backend 'moon-base' is not known here (known: local, spaces, jobs)"
    code, out, err = command("list", "--json", "--runs-dir", str(runs))
    assert code == 0 and said in err
    assert {run["id"]: run["state"] for run in json.loads(out)} == {
        NAME: "running",
        "whole-20260101-000000-abcd": "succeeded",
    }
    code, out, err = command("status", NAME, "--runs-dir", str(runs))
    assert code == 0 and said in err and "moon-base" in out
    for name in ("logs", "cancel"):
        code, out, err = command(name, NAME, "--runs-dir", str(runs))
        assert code == 1 and said in err and "bug" not in err


@pytest.mark.parametrize("content", ['{"project_name": "ti', '{"steps": ' + DEEP, "[]", '{"secrets": 3}'])
def test_a_damaged_job_says_what_can_be_done(
    content: str, runs: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    (runs / NAME / "job.json").write_text(content)
    code, _, err = command("eval", "last", "--runs-dir", str(runs))
    assert code == errors.FAILED
    assert f"{NAME}/job.json is damaged (" in err and "run its recipe.yml again" in err


def test_a_run_without_its_job_is_still_a_run(
    runs: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    (runs / NAME / "job.json").unlink()
    code, out, _ = command("list", "--runs-dir", str(runs))
    assert code == 0 and NAME in out and "job.json is missing" in out
    code, _, err = command("eval", "last", "--runs-dir", str(runs))
    assert code == errors.FAILED and f"{NAME}/job.json: no such file" in err and len(err.splitlines()) == 1
    (runs / NAME / "state.json").unlink()  # then nothing makes the folder a run
    assert NAME not in command("list", "--runs-dir", str(runs))[1]


def test_a_folder_that_is_gone_is_said_to_be(
    runs: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = command("status", str(runs / "moved"), "--runs-dir", str(runs))
    assert code == errors.WRONG_CALL and "is not there (deleted, or moved?)" in err
    code, _, err = command("status", str(runs), "--runs-dir", str(runs))
    assert code == errors.WRONG_CALL and "holds no run" in err
    watched = record.watch(runs / NAME)
    shutil.rmtree(runs / NAME)
    assert "the folder of the run is gone" in next(watched)[0].message


@pytest.mark.parametrize("moved", [True, False])
def test_a_run_whose_folder_goes_is_ended_and_says_so(moved: bool, tmp_path: Path) -> None:
    run = tmp_path / "runs" / NAME
    (run / "work").mkdir(parents=True)
    waits = "import time\nprint('here', flush=True)\ntime.sleep(300)"
    step: dict[str, Any] = {
        "name": "train",
        "stage": "train",
        "requirements": "core",
        "argv": ["{python}", "-c", waits],
    }
    (run / "job.json").write_text(json.dumps({"project_name": "tiny", "steps": [step]}))
    (run / "state.json").write_text(json.dumps({"state": "queued"}))
    environment = {**os.environ, "PYTHONPATH": str(Path(runner.__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, runner.__file__, str(run)], env=environment, stderr=subprocess.PIPE, text=True
    )
    log, there = run / "train.log", tmp_path / "elsewhere"
    while not (log.exists() and "here\n" in log.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    if moved:
        run.rename(there)
    else:
        shutil.rmtree(run)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and "Traceback" not in said
    assert not run.exists()
    if moved:
        state = record.read_state(there)
        assert state.state is record.State.FAILED
        assert state.message.startswith(f"the folder of the run was moved to {there} during train")
