"""Several runs of one call: in turn on this machine, told in one table, ended together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hf_recipes import record
from hf_recipes.api import batch
from hf_recipes.cli import fan
from hf_recipes.recipe.problem import RecipeError
from hf_recipes.record.state import State
from hf_recipes.runner.processes import marked

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")
RECIPE = """\
task: llm-sft
base_model: bundled/smollm2-135m-instruct
project_name: {name}
backend: local
data:
  path: {name}.jsonl
  train_split: train
  chat_template: tokenizer
  messages:
    - {{role: user, content: "{{question}}"}}
    - {{role: assistant, content: "{{answer}}"}}
"""


def silent(text: str) -> None:
    """Nobody listens."""


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def note(word: str) -> str:
    """Code of a step that writes down when it was there; work/ lies two folders below runs/."""
    return f"open('../../order', 'a').write('{word} ')\n"


def states(runs: list[Path]) -> list[str]:
    return [record.read_state(run).state.value for run in runs]


@pytest.fixture
def three(make_run: Any, make_step: Any) -> list[Path]:
    """Runs of a good, a failing and a good job, each of which says when it begins and ends."""
    done = "weights('tiny/model.safetensors')\n"
    codes = [("a", done), ("b", "raise SystemExit(3)\n"), ("c", done)]
    return [
        make_run(
            make_step(
                "train", note(f"{name}+") + "time.sleep(0.5)\n" + note(f"{name}-") + code, promote="work/tiny"
            )
        )
        for name, code in codes
    ]


def test_runs_on_this_machine_wait_for_one_another_and_a_failure_stops_none(three: list[Path]) -> None:
    seen = set()
    for looks in batch.watch(three, say=silent):
        seen.add(tuple(look.state.state for look in looks))
    assert states(three) == ["succeeded", "failed", "succeeded"]
    assert (three[0].parent / "order").read_text().split() == ["a+", "a-", "b+", "b-", "c+", "c-"]
    assert (State.RUNNING, State.QUEUED, State.QUEUED) in seen, "those that wait are shown as waiting"
    assert all([one.value for one in look].count("running") <= 1 for look in seen)
    assert batch.failed(three) and not batch.failed([three[0], three[2]])


def test_a_gate_that_is_not_met_counts_as_failed(three: list[Path]) -> None:
    for _ in batch.watch(three[:1], say=silent):
        pass
    assert not batch.failed(three[:1])
    (three[0] / "report").mkdir(exist_ok=True)
    (three[0] / "report" / "report.json").write_text('{"gate": [{"met": false}]}')
    assert batch.failed(three[:1])


def test_one_that_is_cancelled_while_it_waits_is_passed_over(three: list[Path]) -> None:
    from hf_recipes.backends import local

    looks = batch.watch(three, say=silent)
    next(looks)
    local.cancel(three[1])
    for _ in looks:
        pass
    assert states(three) == ["succeeded", "cancelled", "succeeded"]
    assert "b+" not in (three[0].parent / "order").read_text()


def test_stopping_cancels_what_runs_and_what_waits(three: list[Path]) -> None:
    looks = batch.watch(three, say=silent)
    next(looks)
    assert batch.stop(three) == []
    assert states(three) == ["cancelled"] * 3
    order = three[0].parent / "order"
    assert not order.exists() or "b+" not in order.read_text()


def test_detached_runs_go_on_in_turn_without_the_process_that_began_them(
    three: list[Path], tmp_path: Path
) -> None:
    code = "import sys; from pathlib import Path; from hf_recipes.api import batch\nbatch.detach([Path(one) for one in sys.argv[1:]], say=print)"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, three)], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert states(three)[2] == "queued", "it waits, and is not taken for lost"
    keeper = record.read_state(three[2]).handle["creator"]
    wait_for(lambda: all(record.read_state(run).state.finished for run in three))
    assert states(three) == ["succeeded", "failed", "succeeded"]
    assert (three[0].parent / "order").read_text().split() == ["a+", "a-", "b+", "b-", "c+", "c-"]
    wait_for(lambda: not psutil.pid_exists(int(str(keeper))))


def test_what_waits_for_a_process_that_was_killed_is_told_as_failed(three: list[Path]) -> None:
    batch.detach(three, say=silent)
    keeper = int(str(record.read_state(three[2]).handle["creator"]))
    os.kill(keeper, signal.SIGKILL)
    os.waitpid(keeper, 0)
    wait_for(lambda: record.read_state(three[0]).state.finished)
    assert states(three)[1:] == ["failed", "failed"]
    assert record.read_state(three[2]).message == "the process that was to start the run is gone"


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Two recipes that are right."""
    files = []
    for name in ("first", "second"):
        (tmp_path / f"{name}.jsonl").write_text('{"question": "a", "answer": "b"}\n')
        files.append(tmp_path / f"{name}.yml")
        files[-1].write_text(RECIPE.format(name=name))
    return files


def call(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """With an interpreter that is not there, so that every run fails as soon as it begins."""
    command = [str(HF_RECIPES), *map(str, arguments)]
    environment = {**os.environ, "HF_RECIPES_INFERENCE_PYTHON": str(cwd / "no-python")}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, env=environment)


def test_several_recipes_give_a_list_and_fail_when_one_does(two: list[Path], tmp_path: Path) -> None:
    done = call("run", "--json", *two, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    for name, one in zip(("first", "second"), json.loads(done.stdout), strict=True):
        assert one["id"].startswith(f"{name}-") and one["reason"] == "environment_failed"
        assert f"{one['id']}: failed: {one['message']}" in done.stderr
    shown = call("run", two[0], two[0], cwd=tmp_path)
    assert shown.returncode == 1
    assert shown.stdout.splitlines()[0].split() == ["run", "state", "fine-tuned", "message"]
    latest = record.list_runs(tmp_path / "runs")[:2]
    assert all(f"{run.name} " in shown.stdout for run in latest), "ids are not cut"


def test_the_table_shows_every_metric_of_the_fine_tuned_model(
    make_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run()
    methods = {
        "zero-shot": {"metrics": {"chrf": {"value": 0.25}}},
        "fine-tuned": {"metrics": {"chrf": {"value": 0.5}, "rougeL": {"value": 0.754}}},
    }
    (run / "report").mkdir()
    (run / "report" / "report.json").write_text(json.dumps({"methods": methods}))
    fan._print_outcomes([run])
    assert "chrf 50.0%, rougeL 75.4%" in capsys.readouterr().out


def test_the_table_shows_what_a_run_elsewhere_waits_for(make_run: Callable[..., Path]) -> None:
    run = make_run()
    state = replace(record.read_state(run), message="job scheduling")
    assert fan._now(batch.Look(run, replace(state, state=State.QUEUED))) == "waiting: job scheduling"


def test_detached_the_ids_are_printed(two: list[Path], tmp_path: Path) -> None:
    done = call("run", "--detach", *two, cwd=tmp_path)
    assert done.returncode == 0
    assert sorted(done.stdout.split()) == sorted(run.name for run in record.list_runs(tmp_path / "runs"))
    wait_for(lambda: states(record.list_runs(tmp_path / "runs")) == ["failed", "failed"])
    listed = call("run", "--detach", "--json", *two, cwd=tmp_path)
    assert [one["id"].partition("-")[0] for one in json.loads(listed.stdout)] == ["first", "second"]
    wait_for(lambda: states(record.list_runs(tmp_path / "runs")) == ["failed"] * 4)


def test_a_matrix_gives_a_run_for_each_combination(two: list[Path], tmp_path: Path) -> None:
    two[0].write_text(two[0].read_text() + "matrix: {params.lr: [1e-4, 2e-4]}\n")
    done = call("run", "--json", two[0], cwd=tmp_path)
    assert done.returncode == 1
    runs = json.loads(done.stdout)
    assert [one["id"].rsplit("-", 3)[0] for one in runs] == ["first-lr-1e-4", "first-lr-2e-4"]
    for one, rate in zip(runs, (1e-4, 2e-4), strict=True):
        job = json.loads((Path(one["run_dir"]) / "job.json").read_text())
        assert job["params"]["lr"] == rate and "matrix=null" in job["settings"]
        assert (Path(one["run_dir"]) / "recipe.yml").read_text() == two[0].read_text()
    alone = call("run", "--json", two[0], "--set", "matrix=null", cwd=tmp_path)
    assert json.loads(alone.stdout)["state"] == "failed", "one run is one document, as without a matrix"


def test_nothing_is_recorded_when_one_recipe_is_wrong(two: list[Path], tmp_path: Path) -> None:
    two[1].write_text(two[1].read_text() + "params: {quantization: int4, learning_rate: 1}\n")
    done = call("run", *two, tmp_path / "missing.yml", cwd=tmp_path)
    assert done.returncode == 2 and not (tmp_path / "runs").exists()
    assert "did you mean params.lr?" in done.stderr and "missing.yml" in done.stderr
    two[1].write_text(two[1].read_text().replace(", learning_rate: 1", "") + "  \n")
    done = call("run", *two, cwd=tmp_path)
    assert done.returncode == 2 and not (tmp_path / "runs").exists()
    assert "needs a GPU" in done.stderr


def test_models_that_would_share_a_repo_are_refused(two: list[Path], monkeypatch: Any) -> None:
    pushes = "hub: {username: somebody, token: '${HF_TOKEN}', push_to_hub: true}\n"
    two[0].write_text(two[0].read_text() + pushes)
    monkeypatch.setenv("HF_TOKEN", "not-a-token")
    made = batch.recipes([two[0], two[0]])
    with pytest.raises(RecipeError, match="their models would share a repo"):
        batch.check_batch(made)


def test_runs_that_cannot_go_side_by_side_are_told_before_their_cost_is_worked_out(
    far: Path, tmp_path: Path
) -> None:
    done = call("run", far, far, cwd=tmp_path)
    assert done.returncode == 2 and not (tmp_path / "runs").exists()
    assert len(done.stderr.splitlines()) == 2, "one line a run of the matrix, and nothing was read"
    assert done.stderr.count("their models would share a repo") == 2


def test_export_takes_one_recipe_only(two: list[Path], tmp_path: Path) -> None:
    two[0].write_text(two[0].read_text() + "matrix: {params.lr: [1e-4, 2e-4]}\n")
    done = call("export", two[0], "--to", "autotrain", cwd=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert ":12:1: matrix: makes 2 recipes of this one" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_and_leaves_no_process(two: list[Path], tmp_path: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [str(HF_RECIPES), "run", "--json", *map(str, two)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: [run for run in record.list_runs(tmp_path / "runs") if record.read_state(run).stage])
    process.send_signal(how)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert [one["state"] for one in json.loads(out)] == ["cancelled", "cancelled"], err
    assert [pid for run in record.list_runs(tmp_path / "runs") for pid in marked(run)] == []


ELSEWHERE = """\
task: llm-sft
base_model: someone/model
project_name: far
backend: jobs-cpu-basic
max_cost: 1
data: {path: someone/data, train_split: train, chat_template: null, column_mapping: {text_column: text}}
params: {quantization: null}
matrix: {params.lr: [1e-4, 2e-4]}
"""


@pytest.fixture
def far(tmp_path: Path, logged_in: Any) -> Path:
    """A recipe of two HF Jobs that never get a machine."""
    logged_in.builds_hang = True
    logged_in.put("model", "someone/model", {"config.json": b"{}"})
    logged_in.put("dataset", "someone/data", {"train.jsonl": b'{"text": "a"}\n'})
    file = tmp_path / "far.yml"
    file.write_text(ELSEWHERE)
    return file


def test_a_matrix_on_hugging_face_is_as_many_hf_jobs_at_once(
    far: Path, tmp_path: Path, logged_in: Any
) -> None:
    done = call("run", "--yes", "--detach", "--json", far, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    runs = json.loads(done.stdout)
    jobs = list(logged_in.state.jobs.values())
    assert [job.labels["hf-recipes"] for job in jobs] == [one["id"] for one in runs]
    assert [job.labels["recipe"] for job in jobs] == ["far-lr-1e-4", "far-lr-2e-4"]
    assert [one["model_repo"] for one in runs] == ["ada/far-lr-1e-4", "ada/far-lr-2e-4"]
    assert all(one["per_hour"] == 0.01 for one in runs)


def test_ctrl_c_leaves_what_is_elsewhere_and_ends_what_is_here(
    far: Path, two: list[Path], tmp_path: Path, logged_in: Any
) -> None:
    process = subprocess.Popen(
        [str(HF_RECIPES), "run", "--yes", "--json", str(two[0]), str(far)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(
        lambda: (
            process.poll() is not None
            or [run for run in record.list_runs(tmp_path / "runs") if record.read_state(run).stage]
        ),
        120,
    )
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 130, err
    assert [one["state"] for one in json.loads(out)] == ["cancelled", "queued", "queued"], err
    for job in logged_in.state.jobs.values():
        assert job.stage == "SCHEDULING" and f"hf-recipes cancel {job.labels['hf-recipes']}" in err


def test_an_hf_job_that_cannot_be_started_fails_and_the_others_are_told(
    far: Path, tmp_path: Path, logged_in: Any
) -> None:
    logged_in.fail("POST", r"^/api/jobs/ada$", 402)
    done = call("run", "--yes", "--detach", far, cwd=tmp_path)
    assert done.returncode == 1 and "no credit" in done.stdout
    assert len(logged_in.state.jobs) == 1


def test_the_plan_of_a_matrix_counts_its_runs_and_their_cost(far: Path, tmp_path: Path) -> None:
    done = call("plan", "--json", far, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["runs"] == 2 and plan["cost"]["note"] == "estimate"
    assert [one["params"]["lr"] for one in plan["plans"]] == [1e-4, 2e-4]
    assert plan["plans"][0]["matrix"] == {"params.lr": "1e-4"}
    assert plan["plans"][0]["estimate"]["timeout"]["seconds"] == 6 * 3600, "the time is not known: no tokens"
    shown = call("plan", far, cwd=tmp_path)
    assert "far-lr-1e-4" in shown.stdout and "2 runs; the cost of 2 is not known" in shown.stdout
    alone = call("plan", "--json", far, "--set", "matrix=null", cwd=tmp_path)
    assert json.loads(alone.stdout)["backend"] == "jobs-cpu-basic"
