"""The real huggingface_hub against the stand-in: Jobs that run as real processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, JobNotFoundError

from hub.handle import Hub
from hub.search import leaks
from hub.state import Account

pytestmark = pytest.mark.usefixtures("nothing_is_left")


@pytest.fixture
def api(hub: Hub) -> HfApi:
    hub.machines.grace = 1.0
    return HfApi(endpoint=hub.endpoint, token=hub.token)


def python_job(api: HfApi, code: str, **more: Any) -> Any:
    return api.run_job(image="python:3.12", command=["python", "-c", code], **more)


@pytest.mark.leaks
def test_a_token_that_a_container_prints_or_writes_down_is_found(hub: Hub, api: HfApi) -> None:
    secret = "s3cret" * 3
    code = "import os; print(os.environ['B']); open(os.environ['HOME'] + '/kept', 'w').write(os.environ['B'])"
    job = python_job(api, code, secrets={"B": secret})
    api.wait_for_job(job.id, timeout=20, poll_interval=0.05)
    printed, kept = leaks(hub.state, secret)
    assert printed == f"log of the HF Job {job.id}" and kept.endswith("/home/kept")


def test_a_job_succeeds(hub: Hub, api: HfApi) -> None:
    code = (
        "import os; print('started', os.environ['JOB_ID'], os.environ['A'], os.environ['B']); print('done')"
    )
    job = python_job(
        api, code, env={"A": "1"}, secrets={"B": "2"}, labels={"run": "tiny-1"}, flavor="t4-small"
    )
    lines = list(api.fetch_job_logs(job_id=job.id, follow=True))
    assert lines == [f"started {job.id} 1 2", "done"]
    ended = api.wait_for_job(job.id, timeout=20, poll_interval=0.05)
    assert ended.status.stage == "COMPLETED" and ended.finished_at is not None and ended.flavor == "t4-small"
    assert list(api.fetch_job_logs(job_id=job.id, tail=1)) == ["done"]
    assert ended.secrets == {"B": ""} and ended.environment == {"A": "1"}
    assert hub.processes[-1].names("secret") == {"B"}
    assert ended.labels is not None and ended.labels["run"] == "tiny-1"


def test_a_job_fails_is_cancelled_times_out(hub: Hub, api: HfApi) -> None:
    failing = python_job(api, "raise SystemExit(3)", labels={"matrix": "a"})
    endless = python_job(api, "import time; print('on', flush=True); time.sleep(600)", labels={"matrix": "b"})
    slow = python_job(api, "import time; time.sleep(600)", timeout=1)
    missing = api.run_job(image="x", command=["no-such-program"])
    failed = api.wait_for_job(failing.id, timeout=20, poll_interval=0.05)
    assert (failed.status.stage, failed.status.message) == (
        "ERROR",
        "Job failed with exit code: 3. Reason: Error",
    )
    hub.job(endless.id).wait("RUNNING")
    assert [job.id for job in api.list_jobs(labels={"matrix": "b"}, status="RUNNING", namespace="ada")] == [
        endless.id
    ]
    container = hub.job(endless.id).container
    api.cancel_job(job_id=endless.id)
    assert api.inspect_job(job_id=endless.id).status.stage == "CANCELED"
    assert container is not None
    container.join()
    late = api.wait_for_job(slow.id, timeout=20, poll_interval=0.1)
    assert (late.status.stage, late.status.message) == ("ERROR", "Job timeout")
    assert api.wait_for_job(missing.id, timeout=20, poll_interval=0.05).status.stage == "ERROR"
    assert len(list(api.list_jobs(namespace="ada"))) == 4


@pytest.mark.filterwarnings("ignore:.*experimental")
def test_a_local_script_travels_through_a_bucket_and_runs_with_uv(
    hub: Hub, api: HfApi, tmp_path: Path
) -> None:
    hub.image = {"UV_OFFLINE": "1", "UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}
    script = tmp_path / "start it.py"
    # Both ways in which content travels: compressed, and as it is where that doesn't help.
    padding = "# the same line again and again\n" * 20_000 + f"#{os.urandom(200_000).hex()}\n"
    header = "# /// script\n# dependencies = []\n# ///\n"
    script.write_text(f"{header}import os, sys\nprint(sys.argv[1:], os.environ['HF_RECIPES_RUN'])\n{padding}")
    job = api.run_uv_job(
        str(script),
        script_args=["--fast"],
        secrets={"HF_TOKEN": hub.token},
        env={"HF_RECIPES_RUN": "tiny-1"},
        timeout="5m",
    )
    assert job.command == ["uv", "run", "/data/start_it.py", "--fast"]
    assert hub.job(job.id).wait(seconds=60) == "COMPLETED", hub.job(job.id).log.text
    assert "['--fast'] tiny-1" in list(api.fetch_job_logs(job_id=job.id))
    assert hub.job(job.id).timeout == 300


def test_who_may_run_jobs(hub: Hub, api: HfApi) -> None:
    job = python_job(api, "")
    with pytest.raises(JobNotFoundError):
        api.inspect_job(job_id="0" * 24)
    with pytest.raises(HfHubHTTPError, match="403"):
        HfApi(endpoint=hub.endpoint, token=hub.other_token).inspect_job(job_id=job.id, namespace="ada")
    with pytest.raises(HfHubHTTPError, match="403"):
        python_job(HfApi(endpoint=hub.endpoint, token=hub.read_token), "")
    with pytest.raises(HfHubHTTPError, match="Invalid hardware flavor"):
        python_job(api, "", flavor="h9000")
    with pytest.raises(HfHubHTTPError, match="Invalid label"):
        python_job(api, "", labels={"recipe": "has/slash"})
    hub.state.accounts["ada"] = Account("ada", can_pay=False)
    with pytest.raises(HfHubHTTPError, match="402"):
        python_job(api, "")


def test_a_job_waits_for_a_machine_until_it_is_steered(hub: Hub, api: HfApi) -> None:
    hub.builds_hang = True
    job = python_job(api, "")
    with pytest.raises(TimeoutError):
        api.wait_for_job(job.id, timeout=0.3, poll_interval=0.1)
    hub.job(job.id).steer("ERROR", "no capacity")
    assert api.inspect_job(job_id=job.id).status.message == "no capacity"


def test_hardware_has_prices(api: HfApi) -> None:
    spaces = {each.name: each for each in api.list_spaces_hardware()}
    jobs = {each.name: each for each in api.list_jobs_hardware()}
    assert spaces["cpu-basic"].unit_cost_usd == 0 and jobs["cpu-basic"].unit_cost_micro_usd == 167
    small = spaces["t4-small"]
    assert (small.unit_label, round(small.unit_cost_usd * 60, 2)) == ("minute", 0.4)
    assert small.accelerator is not None and small.accelerator.vram == "16 GB"
    assert "h200" in jobs and "h200" not in spaces
