"""Routes of Jobs: run, inspect, list, cancel, labels, logs, hardware; and of the buckets that carry their scripts."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub import buckets, hardware
from hub.auth import someone, state, writer
from hub.errors import Refused
from hub.job import Job
from hub.streams import events

LABEL = re.compile(r"[A-Za-z0-9_-]{0,100}")


def routes() -> list[BaseRoute]:
    one = "/api/jobs/{owner}/{job}"
    return [
        Route("/api/jobs/hardware", list_hardware, methods=["GET"]),
        Route("/api/jobs/{owner}", listed, methods=["GET"]),
        Route("/api/jobs/{owner}", run, methods=["POST"]),
        Route(one, inspect, methods=["GET"]),
        Route(f"{one}/cancel", cancel, methods=["POST"]),
        Route(f"{one}/duplicate", duplicate, methods=["POST"]),
        Route(f"{one}/labels", relabel, methods=["PUT"]),
        Route(f"{one}/logs", logs, methods=["GET"]),
        *buckets.routes(),
    ]


async def list_hardware(request: Request) -> Response:
    return JSONResponse(hardware.for_jobs())


async def run(request: Request) -> Response:
    owner = request.path_params["owner"]
    writer(request, owner)
    spec = await request.json()
    if spec.get("flavor", "cpu-basic") not in hardware.FOR_JOBS:
        raise Refused(400, f"Invalid hardware flavor: {spec['flavor']}")
    if not spec.get("command") or not (spec.get("dockerImage") or spec.get("spaceId")):
        raise Refused(400, "A Job needs a command and an image")
    check_labels(spec.get("labels") or {})
    if not state(request).accounts[owner].can_pay:
        raise Refused(
            402, "Pre-paid credit balance is insufficient - add more credits to your account to use Jobs."
        )
    return JSONResponse(begin(request, owner, spec).info())


async def listed(request: Request) -> Response:
    """Newest first; `stage` and `label` may come more than once."""
    owner = visible(request)
    stages = set(request.query_params.getlist("stage"))
    wanted = [each.partition("=")[::2] for each in request.query_params.getlist("label")]
    found = [
        job.info()
        for job in reversed(state(request).jobs.values())
        if job.owner == owner
        and (not stages or job.stage in stages)
        and all(job.labels.get(key) == value for key, value in wanted)
    ]
    return JSONResponse(found)


async def inspect(request: Request) -> Response:
    return JSONResponse(one(request).info())


async def cancel(request: Request) -> Response:
    writer(request, request.path_params["owner"])
    job = one(request)
    job.cancel()
    return JSONResponse(job.info())


async def duplicate(request: Request) -> Response:
    writer(request, request.path_params["owner"])
    job = one(request)
    return JSONResponse(begin(request, job.owner, job.spec).info())


async def relabel(request: Request) -> Response:
    writer(request, request.path_params["owner"])
    job, labels = one(request), (await request.json())["labels"]
    check_labels(labels)
    job.labels = labels
    return JSONResponse(job.info())


async def logs(request: Request) -> Response:
    job, tail = one(request), request.query_params.get("tail")
    return events(job.log, lambda: job.over or job.machines.closed, int(tail) if tail else None)


def begin(request: Request, owner: str, spec: Any) -> Job:
    job = Job(state(request), owner, spec)
    state(request).jobs[job.id] = job
    job.start()
    return job


def check_labels(labels: dict[str, str]) -> None:
    """Raises Refused: labels are kept as tags, so there are few letters that they may have."""
    for key, value in labels.items():
        if not key or not LABEL.fullmatch(key) or not LABEL.fullmatch(value):
            raise Refused(
                400, f"Invalid label {key}={value}: only letters, digits, - and _, at most 100 of them"
            )


def visible(request: Request) -> str:
    """The namespace, for whoever may look into it. Raises Refused."""
    owner: str = request.path_params["owner"]
    if someone(request).account != owner:
        raise Refused(403, f"Forbidden: you don't have the rights to see the jobs of {owner}")
    return owner


def one(request: Request) -> Job:
    """Raises Refused."""
    owner = visible(request)
    job: Job | None = state(request).jobs.get(request.path_params["job"])
    if job is None or job.owner != owner:
        raise Refused(404, "Job not found")
    return job
