"""Routes of Spaces: secrets, variables, hardware, sleep time, runtime, pause, restart, logs."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub import hardware
from hub.auth import seen, someone, state, written
from hub.errors import Refused
from hub.processes import Machines
from hub.repos import check_zero
from hub.space import LIVE, Space
from hub.state import Commit, Repo, State, now
from hub.streams import events


def routes() -> list[BaseRoute]:
    base = "/api/spaces/{owner}/{name}"
    return [
        Route("/api/spaces/hardware", list_hardware, methods=["GET"]),
        Route(f"{base}/runtime", runtime, methods=["GET"]),
        Route(f"{base}/secrets", settings, methods=["GET", "POST", "DELETE"]),
        Route(f"{base}/variables", settings, methods=["GET", "POST", "DELETE"]),
        Route(f"{base}/hardware", request_hardware, methods=["POST"]),
        Route(f"{base}/sleeptime", set_sleep_time, methods=["POST"]),
        Route(f"{base}/pause", pause, methods=["POST"]),
        Route(f"{base}/restart", restart, methods=["POST"]),
        Route(base + "/logs/{which}", logs, methods=["GET"]),
        Route("/zerogpu/{owner}/{name}/startup-report", report_startup, methods=["POST"]),
    ]


def attach(state: State) -> None:
    machines = state.machines = Machines(state.folder, state.endpoint)
    state.closers.append(lambda: machines.close(state.lock))

    def created(repo: Repo, facts: Any) -> None:
        if repo.type == "space":
            state.spaces[repo.id] = Space(state, repo, facts)

    def committed(repo: Repo, commit: Commit) -> None:
        if repo.type != "space" or repo.branches["main"] != commit.id:
            return
        space = of(state, repo)
        if space.stage != "PAUSED":  # paused is paused until its owner restarts it
            space.start()

    def deleted(repo: Repo) -> None:
        if repo.type == "space":
            state.spaces.pop(of(state, repo).id).steer("DELETING")

    def about(repo: Repo) -> dict[str, Any]:
        if repo.type != "space":
            return {}
        space = of(state, repo)
        # On the Hub `host` is a name under its own domain; here it is where the Space really answers.
        return {"runtime": space.runtime(), "subdomain": repo.id.lower().replace("/", "-"), "host": space.url}

    state.created.append(created)
    state.committed.append(committed)
    state.deleted.append(deleted)
    state.about.append(about)


def of(state: State, repo: Repo) -> Space:
    """The Space of a repo, which may have got another name since."""
    for name, space in list(state.spaces.items()):
        if space.repo is repo and name != repo.id:
            state.spaces[repo.id] = state.spaces.pop(name)
    found: Space = state.spaces[repo.id]
    return found


async def list_hardware(request: Request) -> Response:
    return JSONResponse(hardware.for_spaces())


async def runtime(request: Request) -> Response:
    repo = seen(request, "space", repo_id(request))
    return JSONResponse(of(state(request), repo).runtime())


async def settings(request: Request) -> Response:
    """Secrets can be written and never read again; variables are open."""
    which = "secrets" if request.url.path.endswith("/secrets") else "variables"
    space = owned(request) if request.method == "GET" else managed(request)
    held: dict[str, dict[str, Any]] = getattr(space, which)
    if request.method != "GET":
        body = await request.json()
        if request.method == "POST":
            held[body["key"]] = {**body, "updatedAt": now()}
        else:
            held.pop(body["key"], None)
        space.changed()
    hidden = {"key", "value"} if which == "secrets" else set()
    shown = {
        name: {key: value for key, value in each.items() if key not in hidden} for name, each in held.items()
    }
    return JSONResponse(shown)


async def request_hardware(request: Request) -> Response:
    space, body = managed(request), await request.json()
    if body["flavor"] == hardware.ZERO:
        check_zero(state(request), space.repo.owner, space.repo.sdk, but=space.id)
    hardware.check_rent(body["flavor"], can_pay=state(request).accounts[space.repo.owner].can_pay)
    space.requested = body["flavor"]
    if "sleepTimeSeconds" in body:
        space.sleep_time = body["sleepTimeSeconds"]
    space.changed()
    return JSONResponse(space.runtime())


async def set_sleep_time(request: Request) -> Response:
    space, body = managed(request), await request.json()
    space.sleep_time = int(body["seconds"])
    return JSONResponse(space.runtime())


async def pause(request: Request) -> Response:
    space = managed(request)
    space.pause()
    return JSONResponse(space.runtime())


async def restart(request: Request) -> Response:
    space = managed(request)
    space.start()
    return JSONResponse(space.runtime())


async def logs(request: Request) -> Response:
    space, which = owned(request), request.path_params["which"]
    if which == "build":
        return events(space.build_log, lambda: space.stage != "BUILDING" or space.machines.closed)
    if which == "run":
        return events(space.run_log, lambda: space.stage not in LIVE or space.machines.closed)
    raise Refused(404, f"no such log: {which}")


async def report_startup(request: Request) -> Response:
    """What the package `spaces` says on ZeroGPU when a page with a decorated function is launched. Nobody logs in for it."""
    space: Space | None = state(request).spaces.get(repo_id(request))
    if space is None or space.requested != hardware.ZERO:
        raise Refused(404, "no such Space on ZeroGPU")
    space.reported = True
    return Response()


def repo_id(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['name']}"


def managed(request: Request) -> Space:
    """For whoever may write to the Space. Raises Refused."""
    return of(state(request), written(request, "space", repo_id(request)))


def owned(request: Request) -> Space:
    """For its owner, with a token that may only read too. Raises Refused."""
    repo = seen(request, "space", repo_id(request))
    if someone(request).account != repo.owner:
        raise Refused(403, "Forbidden: only the owner of a Space may see this")
    return of(state(request), repo)
