"""Hugging Face Jobs as a backend: one HF Job a run, which stops by itself and at its timeout at the latest.

The job's script goes as part of its command. (`run_uv_job` would put a local one into a bucket of the account and leave it
there, and it talks on stdout.)
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes.backends.huggingface import runs_repo
from hf_recipes.backends.huggingface.container.start import start_script
from hf_recipes.backends.huggingface.image import packages
from hf_recipes.backends.huggingface.log_reader import LogReading
from hf_recipes.backends.huggingface.outcome import GONE, Observed, stopped, telling
from hf_recipes.backends.huggingface.remote import Handle
from hf_recipes.estimates.timeout import job_timeout
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying
from hf_recipes.hub.pushed import pushed
from hf_recipes.record.job import load_job

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
"""What huggingface_hub takes for uv scripts, too. CUDA comes with torch's wheels."""
RUN_LABEL, PROJECT_LABEL = "hf-recipes", "recipe"
TIMED_OUT = re.compile(r"time.?out|timed out", re.IGNORECASE)
LAST_LINES = 60
SECONDS_BETWEEN = 3.0
"""Between two looks at an HF Job whose log has nothing new."""


def place(run: Path, account: str) -> dict[str, object]:
    """The part of the handle that is known before anything is made. With the run's label the HF Job can be found."""
    return {"namespace": account, "run": run.name}


def named(handle: Handle) -> str:
    return f"the HF Job {handle['namespace']}/{handle.get('job') or handle['run']}"


def start(
    run: Path,
    handle: Handle,
    *,
    secrets: Mapping[str, str],
    variables: Mapping[str, str],
    client: HfApi,
) -> Handle:
    """Ask for the HF Job of a run that has been published. Raises HubFailed; what was made until then is cancelled."""
    namespace, hardware = str(handle["namespace"]), str(handle["hardware"])
    hours = handle.get("hours")
    timeout = job_timeout(hours if isinstance(hours, (int, float)) else None)
    project = load_job(run).project_name

    def ask() -> JobInfo:
        # Perhaps started by an attempt whose answer was lost: a second HF Job would train, and cost, twice.
        return _by_label(client, namespace, run.name) or client.run_job(
            image=IMAGE,
            command=command(),
            env=dict(variables),
            secrets=dict(secrets),
            flavor=hardware,
            timeout=timeout,
            name=_label(run.name),
            labels={RUN_LABEL: _label(run.name), PROJECT_LABEL: _label(project)},
            namespace=namespace,
        )

    try:
        with hub_errors(f"starting an HF Job on {hardware}"):
            job = retrying(ask)
    except BaseException:  # Ctrl-C, too
        with suppress(HubFailed):
            remove(handle, client=client)
        raise
    return {**handle, "job": job.id, "timeout": timeout}


def command() -> list[str]:
    """uv makes the script's environment; the script is the command's last argument."""
    wanted = [word for package in packages() for word in ("--with", package)]
    return ["uv", "run", "--no-project", *wanted, "python", "-c", start_script()]


def observe(handle: Handle, *, client: HfApi) -> Observed:
    """What can be seen of a run. The stage is looked at first: a run writes its end before it stops. Raises HubFailed."""
    run_id = str(handle["run"])
    job = _job(client, handle)
    stage = _stage(job)
    remote = runs_repo.read_remote_state(run_id, repo=str(handle["runs"]), client=client)
    ended = stopped(stage) or str((remote or {}).get("state")) in ("succeeded", "failed", "cancelled")
    return Observed(
        platform="job",
        stage=stage,
        remote=remote,
        weights=ended and pushed(client, str(handle["model"]), run_id),
        last_line=telling(list(LogReading().lines(_fetch(client, job, tail=LAST_LINES))))
        if job and ended
        else "",
        seconds=float((job.durations.total_secs or 0) if job and job.durations else 0),
        error=_why(job, handle),
    )


def logs(handle: Handle, follow: bool, *, client: HfApi) -> Iterator[str]:
    """The HF Job's log, line by line; with `follow` until it has ended. Raises HubFailed.

    Connections that break are made again, and no line comes twice.
    """
    reading = LogReading()
    while (job := _job(client, handle)) is not None:
        over = stopped(_stage(job))
        yield from reading.lines(_fetch(client, job, follow=follow and not over))
        if (over or not follow) and not reading.broken:
            return
        time.sleep(SECONDS_BETWEEN)


def cancel(handle: Handle, *, client: HfApi) -> None:
    """Stop the HF Job; one that has ended, or was never made, stays as it is. Raises HubFailed."""
    job = _job(client, handle)
    if job is None or stopped(_stage(job)):
        return
    try:
        with hub_errors(f"cancelling {named(handle)}"):
            retrying(lambda: client.cancel_job(job_id=job.id, namespace=job.owner.name))
    except HubFailed:
        if not stopped(_stage(_job(client, handle))):  # it may have ended meanwhile
            raise


def remove(handle: Handle, *, client: HfApi) -> None:
    """Nothing of an HF Job costs once it has ended, and the Hub keeps it in its list. Raises HubFailed."""
    cancel(handle, client=client)


def _job(client: HfApi, handle: Handle) -> JobInfo | None:
    """None where there is no such HF Job. Raises HubFailed."""
    namespace, job_id = str(handle["namespace"]), handle.get("job")
    try:
        with hub_errors(f"asking for {named(handle)}"):
            if not job_id:
                return retrying(lambda: _by_label(client, namespace, str(handle["run"])))
            return retrying(lambda: client.inspect_job(job_id=str(job_id), namespace=namespace))
    except HubFailed as error:
        if error.reason == "not_found":
            return None
        raise


def _by_label(client: HfApi, namespace: str, run_id: str) -> JobInfo | None:
    return next(iter(client.list_jobs(labels={RUN_LABEL: _label(run_id)}, namespace=namespace)), None)


def _stage(job: JobInfo | None) -> str:
    return GONE if job is None else str(getattr(job.status.stage, "value", job.status.stage))


def _why(job: JobInfo | None, handle: Handle) -> str:
    """What the Hub says of a failure; of a timeout also how long it was."""
    said = " ".join(str((job.status.message if job else None) or "").split())[-300:]
    limit = handle.get("timeout")
    if TIMED_OUT.search(said) and isinstance(limit, int):
        return f"{said}: it was stopped after its time limit of {limit / 3600:g} h"
    return said


def _fetch(client: HfApi, job: JobInfo, *, follow: bool = False, tail: int | None = None) -> Iterable[str]:
    """From the beginning, or the last lines."""
    return client.fetch_job_logs(job_id=job.id, namespace=job.owner.name, follow=follow, tail=tail)


def _label(text: str) -> str:
    """The Hub keeps labels as tags: letters, digits, - and _, at most 100."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)[:100]
