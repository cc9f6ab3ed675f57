"""Hugging Face Jobs as a backend, against the stand-in Hub: huggingface_hub's own client, real processes for HF Jobs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub._jobs_api import DEFAULT_UV_IMAGE, JobHardware

from hf_recipes.api.recipes import load_recipe, recipe_problems
from hf_recipes.backends.huggingface import jobs, runs_repo
from hf_recipes.backends.huggingface.outcome import judge_outcome
from hf_recipes.backends.huggingface.remote import remote
from hf_recipes.catalog.backend_names import JOB_FLAVORS
from hf_recipes.catalog.hardware import FLAVORS
from hf_recipes.catalog.machine import Machine
from hf_recipes.engines.jobs import translate
from hf_recipes.estimates.timeout import job_timeout
from hf_recipes.hub import account
from hf_recipes.hub.errors import HubFailed
from hf_recipes.record.state import Reason, State

HOUR = 3600
SECRET = "a-secret-that-goes-nowhere-else"


@pytest.fixture
def client(logged_in: Any) -> HfApi:
    return account.api()


@pytest.fixture
def uv(logged_in: Any, tmp_path: Path) -> None:
    """The image's uv: it makes no environment, since this one has the packages, and starts what it is asked to start."""
    folder = tmp_path / "image"
    folder.mkdir()
    (folder / "uv").write_text(
        f'#!/bin/sh\nwhile [ "$1" != python ]; do shift; done\nshift\nexec {sys.executable} "$@"\n'
    )
    (folder / "uv").chmod(0o755)
    logged_in.image = {"PATH": f"{folder}:/usr/bin:/bin", "HF_HUB_DISABLE_XET": "1"}


@pytest.fixture
def send(client: HfApi, make_run: Any) -> Callable[..., tuple[Path, jobs.Handle]]:
    """send(*steps) publishes a run and starts it as an HF Job."""

    def go(*steps: Any, hours: float | None = None, hardware: str = "a10g-small", **more: Any) -> Any:
        run = make_run(*steps, backend=f"jobs-{hardware}", secrets=("HF_TOKEN", "OTHER_SECRET"), **more)
        repo = runs_repo.publish_run(run, {}, client=client)
        handle = {
            **jobs.place(run, "ada"), "runs": repo, "model": "ada/tiny", "hardware": hardware, "per_hour": 1.0, "hours": hours,
        }  # fmt: skip
        variables = {
            "HF_RECIPES_RUNS_REPO": repo,
            "HF_RECIPES_RUN": run.name,
            "HF_RECIPES_PACKAGE": jobs_package(),
        }
        secrets = {"HF_TOKEN": str(client.token), "OTHER_SECRET": SECRET}
        return run, jobs.start(run, handle, secrets=secrets, variables=variables, client=client)

    return go


def jobs_package() -> str:
    from hf_recipes.backends.huggingface.package import package

    return package().name


def push(client: HfApi, run: Path, name: str = "model.safetensors") -> None:
    client.create_repo("ada/tiny", exist_ok=True)
    client.create_commit(
        "ada/tiny", [CommitOperationAdd(name, b"weights")], commit_message=f"hf-recipes run {run.name}"
    )


def test_it_is_the_backend_of_jobs_names() -> None:
    assert remote("jobs-a10g-largex4") is jobs


@pytest.mark.parametrize(
    ("hours", "seconds"),
    [(None, 6 * HOUR), (0.0, HOUR), (0.2, HOUR), (2.0, 6 * HOUR), (50.0, 150 * HOUR), (90.0, 7 * 24 * HOUR)],
)
def test_the_time_limit_follows_the_estimate(hours: float | None, seconds: int) -> None:
    assert job_timeout(hours) == seconds


def test_what_is_asked_of_the_hub(hub: Any, send: Any, make_step: Any) -> None:
    hub.builds_hang = True
    run, handle = send(make_step("train", ""), hours=2.0)
    job = hub.job(handle["job"])
    assert (job.owner, job.flavor, job.timeout, job.spec["dockerImage"]) == (
        "ada", "a10g-small", 6 * HOUR, DEFAULT_UV_IMAGE,
    )  # fmt: skip
    assert job.labels == {"hf-recipes": run.name, "recipe": "tiny", "name": run.name}
    assert job.variables["HF_RECIPES_RUN"] == run.name and "HF_TOKEN" not in job.variables
    assert job.secrets["HF_TOKEN"] == hub.token
    assert handle["timeout"] == 6 * HOUR and handle["namespace"] == "ada"


def test_secrets_travel_as_secrets_alone(hub: Any, send: Any, make_step: Any) -> None:
    hub.builds_hang = True
    run, handle = send(make_step("train", ""))
    job = hub.job(handle["job"])
    for shown in (job.command, job.variables, job.labels, dict(handle)):
        assert hub.token not in json.dumps(shown) and SECRET not in json.dumps(shown)
    (asked,) = [one for one in hub.requests if one.method == "POST" and one.path == "/api/jobs/ada"]
    body = json.loads(asked.body)
    assert body["secrets"] == {"HF_TOKEN": hub.token, "OTHER_SECRET": SECRET}
    body.pop("secrets")
    assert SECRET not in json.dumps(body) and hub.token not in json.dumps(body)
    for file in run.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()


def test_the_command_is_the_script_with_every_package_pinned() -> None:
    words = jobs.command()
    assert words[:3] == ["uv", "run", "--no-project"] and words[-3:-1] == ["python", "-c"]
    pinned = words[4:-3:2]
    assert all("==" in one for one in pinned) and any(one.startswith("huggingface_hub==") for one in pinned)
    assert set(words[3:-3:2]) == {"--with"}
    compile(words[-1], "start.py", "exec")
    assert "$(" not in words[-1], "Kubernetes would fill that in"
    assert len(words[-1]) < 100_000, "Linux takes 128 KiB in one argument"


def test_an_hf_job_trains_tells_the_runs_repo_and_ends(
    hub: Any, client: HfApi, uv: None, send: Any, make_step: Any
) -> None:
    run, handle = send(make_step("prepare", "print('rows are ready')"), make_step("report", "print('done')"))
    seen = jobs.observe(handle, client=client)
    assert seen.platform == "job" and seen.stage in ("SCHEDULING", "RUNNING")
    said = "".join(jobs.logs(handle, True, client=client))
    assert hub.job(handle["job"]).wait(seconds=60) == "COMPLETED", said
    assert said.count("rows are ready\n") == 1 and said.endswith("\n")
    assert "".join(jobs.logs(handle, False, client=client)) == said
    seen = jobs.observe(handle, client=client)
    assert seen.remote is not None and seen.remote["state"] == "succeeded"
    end = judge_outcome(seen)
    assert end is not None and (end.state, end.reason) == (State.FAILED, Reason.NO_WEIGHTS)
    push(client, run, "README.md")
    assert not jobs.observe(handle, client=client).weights, "a commit without weights is no model"
    push(client, run)
    end = judge_outcome(jobs.observe(handle, client=client))
    assert end is not None and end.state is State.SUCCEEDED


def test_a_crash_is_told_as_a_crash(hub: Any, client: HfApi, uv: None, send: Any, make_step: Any) -> None:
    _, handle = send(make_step("prepare", "raise ZeroDivisionError('the data is empty')"))
    assert hub.job(handle["job"]).wait(seconds=60) == "ERROR"
    end = judge_outcome(jobs.observe(handle, client=client))
    assert end is not None and end.state is State.FAILED
    assert "the data is empty" in end.message


def test_one_that_is_killed_by_its_time_limit_has_failed_and_says_so(
    hub: Any, client: HfApi, uv: None, send: Any, make_step: Any
) -> None:
    _, handle = send(make_step("prepare", "print('step 17', flush=True); time.sleep(600)"))
    job = hub.job(handle["job"])
    wait_for(lambda: "step 17" in job.log.text)
    hub.machines.grace = 0.0  # no time for a last word
    job.steer("ERROR", "Job timeout")
    wait_for(lambda: not hub.machines.containers[-1].alive)
    end = judge_outcome(jobs.observe(handle, client=client))
    assert end is not None and (end.state, end.reason) == (State.FAILED, Reason.CONTAINER_FAILED)
    assert (
        "Job timeout: it was stopped after its time limit of 6 h; the log ends with: step 17" in end.message
    )


def test_its_time_limit_is_told_as_such_when_its_container_has_had_time_for_a_last_word(
    hub: Any, client: HfApi, uv: None, send: Any, make_step: Any
) -> None:
    _, handle = send(make_step("prepare", "print('step 17', flush=True); time.sleep(600)"))
    job = hub.job(handle["job"])
    wait_for(lambda: "step 17" in job.log.text)
    hub.machines.grace = 60.0  # a busy machine takes its time for the last word
    job.steer("ERROR", "Job timeout")
    wait_for(lambda: not hub.machines.containers[-1].alive)
    end = judge_outcome(jobs.observe(handle, client=client))
    assert end is not None and (end.state, end.reason) == (State.FAILED, Reason.CONTAINER_FAILED)
    assert "Job timeout: it was stopped after its time limit of 6 h" in end.message


def test_cancel_stops_it_and_may_be_repeated(
    hub: Any, client: HfApi, uv: None, send: Any, make_step: Any
) -> None:
    _, handle = send(make_step("prepare", "print('begun', flush=True); time.sleep(600)"))
    job = hub.job(handle["job"])
    wait_for(lambda: "begun" in job.log.text)
    jobs.cancel(handle, client=client)
    assert job.stage == "CANCELED"
    wait_for(lambda: not hub.machines.containers[-1].alive)
    end = judge_outcome(jobs.observe(handle, client=client))
    assert end is not None and end.state is State.CANCELLED
    before = len([one for one in hub.requests if one.path.endswith("/cancel")])
    jobs.cancel(handle, client=client)
    jobs.remove(handle, client=client)
    assert len([one for one in hub.requests if one.path.endswith("/cancel")]) == before == 1


def test_no_credit_is_one_sentence(hub: Any, send: Any, make_step: Any) -> None:
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], can_pay=False)
    with pytest.raises(HubFailed, match="your account has no credit for it; add some at") as failure:
        send(make_step("train", ""))
    assert failure.value.reason == "no_credit" and "starting an HF Job on a10g-small" in str(failure.value)
    assert not hub.state.jobs


@pytest.mark.parametrize("status", [500, 503])
def test_a_problem_of_the_hub_that_passes_starts_one_hf_job(
    hub: Any, send: Any, make_step: Any, status: int
) -> None:
    hub.builds_hang = True
    hub.fail("POST", r"^/api/jobs/ada$", status, headers={"Retry-After": "0"})
    _, handle = send(make_step("train", ""))
    assert list(hub.state.jobs) == [handle["job"]]


def test_a_run_that_is_started_again_keeps_its_hf_job(
    hub: Any, client: HfApi, send: Any, make_step: Any
) -> None:
    """As when the Hub has made it, and the connection is cut before it can say so."""
    hub.builds_hang = True
    run, handle = send(make_step("train", ""))
    known = {name: value for name, value in handle.items() if name not in ("job", "timeout")}
    assert jobs.start(run, known, secrets={}, variables={}, client=client) == handle
    assert list(hub.state.jobs) == [handle["job"]]


def test_what_fails_on_the_way_leaves_no_hf_job(hub: Any, client: HfApi, send: Any, make_step: Any) -> None:
    hub.builds_hang = True
    run, handle = send(make_step("train", ""))
    hub.fail("GET", r"^/api/jobs/ada$", 403)
    known = {name: value for name, value in handle.items() if name != "job"}
    with pytest.raises(HubFailed):
        jobs.start(run, known, secrets={}, variables={}, client=client)
    assert hub.job(handle["job"]).stage == "CANCELED"


def test_one_that_lost_its_id_is_found_by_its_label(
    hub: Any, client: HfApi, send: Any, make_step: Any
) -> None:
    """As when the laptop was closed between the Hub's answer and the writing of it."""
    hub.builds_hang = True
    _, handle = send(make_step("train", ""))
    known: Mapping[str, Any] = {name: value for name, value in handle.items() if name != "job"}
    assert jobs.observe(known, client=client).stage == "SCHEDULING"
    jobs.cancel(known, client=client)
    assert hub.job(handle["job"]).stage == "CANCELED"


def test_one_that_is_gone_has_failed(hub: Any, client: HfApi, send: Any, make_step: Any) -> None:
    hub.builds_hang = True
    _, handle = send(make_step("train", ""))
    hub.state.jobs.clear()
    end = judge_outcome(jobs.observe(handle, client=client))
    assert end is not None and (end.state, end.reason) == (State.FAILED, Reason.CONTAINER_STOPPED)
    jobs.cancel(handle, client=client)
    assert list(jobs.logs(handle, True, client=client)) == []


def test_labels_take_what_the_hub_takes() -> None:
    assert jobs._label("größe/a b.c") == "gr--e-a-b-c" and len(jobs._label("x" * 200)) == 100


def test_every_flavor_that_huggingface_hub_knows_has_a_name_and_a_machine() -> None:
    assert {flavor.value for flavor in JobHardware} <= set(JOB_FLAVORS) <= set(FLAVORS)


RECIPE = """\
task: llm-sft
base_model: someone/model
project_name: tiny
backend: {backend}
data: {{path: someone/data, train_split: train, chat_template: tokenizer, column_mapping: {{text_column: text}}}}
params: {{mixed_precision: bf16, {params}}}
"""


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("jobs-a10g-largx4", "did you mean jobs-a10g-largex4?"),
        ("jobs-a100x88", "did you mean jobs-a100x8?"),
        ("jobs-a10g", "did you mean jobs-a10g-"),
        ("jobs-", "no such backend"),
    ],
)
def test_a_misspelt_flavor_is_answered_with_the_nearest(tmp_path: Path, backend: str, said: str) -> None:
    file = tmp_path / "recipe.yml"
    file.write_text(RECIPE.format(backend=backend, params=""))
    (problem,) = recipe_problems(file)
    assert said in str(problem) and problem.line == 4


@pytest.mark.parametrize(
    ("backend", "params", "words"),
    [
        ("jobs-a10g-small", "", ["--num_machines", "1", "--num_processes", "1", "--mixed_precision", "bf16"]),
        ("jobs-a10g-largex4", "", ["--multi_gpu", "--num_machines", "1", "--num_processes", "4"]),
        ("jobs-h200x8", "", ["--multi_gpu", "--num_machines", "1", "--num_processes", "8"]),
        ("jobs-a10g-largex4", "distributed_backend: deepspeed", ["--use_deepspeed", "--zero_stage", "3"]),
        ("jobs-cpu-upgrade", "quantization: null", ["--cpu"]),
    ],
)
def test_the_launch_follows_the_flavor_s_gpus(
    tmp_path: Path, backend: str, params: str, words: list[str]
) -> None:
    file = tmp_path / "recipe.yml"
    file.write_text(RECIPE.format(backend=backend, params=params))
    (train,) = [
        step for step in translate(load_recipe(file), Machine(2, 8 << 30)).steps if step.name == "train"
    ]
    assert list(train.argv[3 : 3 + len(words)]) == words


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)
