"""Large files: the LFS batch call, and the storage host that takes and hands out contents by signed address.

The storage answers under another host name than the Hub (localhost for 127.0.0.1), as the real one does: a client
must not send it a token, and is refused when it does.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub.auth import readable, state, written
from hub.errors import Refused
from hub.paths import PREFIXES
from hub.state import Repo, State


def signed(state: State, *parts: str) -> str:
    """An address at the storage host that works without a token."""
    host = state.endpoint.replace("127.0.0.1", "localhost")
    return f"{host}/_storage/{'/'.join(parts)}?Signature={signature(state, *parts)}"


def signature(state: State, *parts: str) -> str:
    return hashlib.sha256(repr((str(state.folder), parts)).encode()).hexdigest()[:20]


async def batch(request: Request) -> JSONResponse:
    type, id = request.path_params["type"], request.path_params["id"]
    asked: dict[str, Any] = await request.json()
    upload = asked.get("operation") == "upload"
    repo = (written if upload else readable)(request, type, id)
    hub = state(request)
    objects = [
        upload_of(hub, repo, each) if upload else download_of(hub, repo, each) for each in asked["objects"]
    ]
    return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")


def upload_of(hub: State, repo: Repo, asked: dict[str, Any]) -> dict[str, Any]:
    """Nothing to do for a content that this repo already got."""
    answer = {"oid": asked["oid"], "size": asked["size"], "authenticated": True}
    if asked["oid"] not in repo.uploaded:
        verify = f"{hub.endpoint}/{PREFIXES[repo.type]}{repo.id}.git/info/lfs/objects/verify"
        place = signed(hub, "put", repo.type, *repo.id.split("/"), asked["oid"])
        answer["actions"] = {"upload": {"href": place, "header": {}}, "verify": {"href": verify}}
    return answer


def download_of(hub: State, repo: Repo, asked: dict[str, Any]) -> dict[str, Any]:
    answer = {"oid": asked["oid"], "size": asked["size"]}
    if asked["oid"] not in repo.uploaded:
        return {**answer, "error": {"code": 404, "message": "Object does not exist"}}
    return {**answer, "actions": {"download": {"href": signed(hub, "get", asked["oid"])}}}


async def verify(request: Request) -> Response:
    repo = written(request, request.path_params["type"], request.path_params["id"])
    if (await request.json())["oid"] not in repo.uploaded:
        raise Refused(404, "The uploaded object does not exist")
    return Response()


def admitted(request: Request) -> list[str]:
    """The parts of a signed address. Raises Refused (400, 403)."""
    parts = request.url.path.split("/")[2:]
    if request.query_params.get("Signature") != signature(state(request), *parts):
        raise Refused(403, "SignatureDoesNotMatch")
    if "authorization" in request.headers:
        raise Refused(
            400, "Only one auth mechanism allowed; a signature and an Authorization header were sent"
        )
    return parts


async def take(request: Request) -> Response:
    _, type, *name, oid = admitted(request)
    hub = state(request)
    arriving, seen = hub.folder / f"arriving-{uuid.uuid4().hex}", hashlib.sha256()
    try:
        with arriving.open("wb") as out:
            async for chunk in request.stream():
                seen.update(chunk)
                out.write(chunk)
        if seen.hexdigest() != oid:
            raise Refused(400, "The content does not have the sha256 that was announced")
        arriving.replace(hub.place(oid))
    finally:
        arriving.unlink(missing_ok=True)
    hub.repos[type, "/".join(name)].uploaded.add(oid)
    return Response(headers={"ETag": f'"{oid}"'})


class Stored(FileResponse):
    chunk_size = 1 << 20


async def hand_out(request: Request) -> Response:
    _, oid = admitted(request)
    return Stored(
        state(request).place(oid), headers={"ETag": f'"{oid}"'}, media_type="application/octet-stream"
    )


def routes() -> list[BaseRoute]:
    found: list[BaseRoute] = [
        Route("/_storage/put/{rest:path}", take, methods=["PUT"]),
        Route("/_storage/get/{rest:path}", hand_out),
    ]
    for type, prefix in reversed(PREFIXES.items()):
        for name, route in (("batch", batch), ("verify", verify)):
            path = f"/{prefix}{{id:id}}.git/info/lfs/objects/{name}"
            found.append(Route(path, typed(route, type), methods=["POST"]))
    return found


def typed(route: Any, type: str) -> Any:
    """The same route for the address of one type of repo."""

    async def go(request: Request) -> Response:
        request.path_params["type"] = type
        answer: Response = await route(request)
        return answer

    return go
