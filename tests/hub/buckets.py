"""Buckets, as far as run_uv_job needs them: a local script goes up to one through hf_xet and is mounted at /data;
and the storage that hf_xet uploads to, for buckets and for the large files of repos.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub import xet
from hub.auth import someone, state, writer
from hub.commits import proposed
from hub.errors import Refused
from hub.paths import REPO
from hub.state import State


@dataclass
class Shelf:
    """The buckets of one Hub, and the storage under them."""

    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    xorbs: dict[str, list[bytes]] = field(default_factory=dict)  # the chunks of each
    files: dict[str, bytes] = field(default_factory=dict)  # by xet hash


SHELVES: WeakKeyDictionary[State, Shelf] = WeakKeyDictionary()


def shelf(state: State) -> Shelf:
    return SHELVES.setdefault(state, Shelf())


def routes() -> list[BaseRoute]:
    one = "/api/buckets/{owner}/{name}"
    return [
        Route(one, create, methods=["POST"]),
        Route(one, info, methods=["GET"]),
        Route(f"{one}/xet-write-token", bucket_token, methods=["GET"]),
        Route(REPO + "/xet-write-token/{revision:revision}", repo_token, methods=["GET"]),
        Route(f"{one}/batch", batch, methods=["POST"]),
        Route("/xet/v1/xorbs/default/{hash}", put_xorb, methods=["POST"]),
        Route("/xet/v1/shards", put_shard, methods=["POST"]),
        # Everything else of the storage's protocol is optional: hf_xet takes a 404 for "not here".
        Route("/xet/{rest:path}", nothing, methods=["GET", "POST", "HEAD"]),
    ]


def contents(state: State, volume: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The files of a volume: of a bucket or of a repo. Raises KeyError."""
    under = f"{volume['path'].strip('/')}/" if volume.get("path") else ""
    if volume["type"] == "bucket":
        held: Mapping[str, bytes] = shelf(state).buckets[volume["source"]]
    else:
        commit = state.repos[volume["type"], volume["source"]].commit(volume.get("revision") or "main")
        held = {path: state.read(file) for path, file in (commit.files if commit else {}).items()}
    for path, data in held.items():
        if path.startswith(under):
            yield path.removeprefix(under), data


async def create(request: Request) -> Response:
    id = bucket_id(request)
    writer(request, id.partition("/")[0])
    found = id in shelf(state(request)).buckets
    shelf(state(request)).buckets.setdefault(id, {})
    return JSONResponse({"url": f"{state(request).endpoint}/buckets/{id}"}, 409 if found else 200)


async def info(request: Request) -> Response:
    files = mine(request)
    facts = {"id": bucket_id(request), "private": True, "createdAt": "2026-01-01T00:00:00.000Z"}
    return JSONResponse({**facts, "size": sum(map(len, files.values())), "totalFiles": len(files)})


async def bucket_token(request: Request) -> Response:
    mine(request)
    writer(request, request.path_params["owner"])
    return storage_token(request, "bucket")


async def repo_token(request: Request) -> Response:
    repo = proposed(request)
    return storage_token(request, f"{repo.type}/{repo.id}")


def storage_token(request: Request, scope: str) -> Response:
    """Storage has tokens of its own: the Hub's never goes there."""
    told = {
        "casUrl": f"{state(request).endpoint}/xet",
        "accessToken": f"storage:{scope}",
        "exp": int(time.time()) + 3600,
    }
    headers = {
        "X-Xet-Cas-Url": told["casUrl"],
        "X-Xet-Access-Token": told["accessToken"],
        "X-Xet-Token-Expiration": str(told["exp"]),
    }
    return JSONResponse(told, headers=headers)


async def batch(request: Request) -> Response:
    files, stored = mine(request), shelf(state(request)).files
    writer(request, request.path_params["owner"])
    failed = []
    for line in (await request.body()).splitlines():
        operation = json.loads(line)
        if operation["type"] == "deleteFile":
            files.pop(operation["path"], None)
        elif operation["xetHash"] in stored:
            files[operation["path"]] = stored[operation["xetHash"]]
        else:
            failed.append({"path": operation["path"], "error": "no such content in storage"})
    return JSONResponse({"success": not failed, "failed": failed})


async def put_xorb(request: Request) -> Response:
    storage(request)
    shelf(state(request)).xorbs[request.path_params["hash"]] = xet.chunks(await request.body())
    return JSONResponse({"was_inserted": True})


async def put_shard(request: Request) -> Response:
    type, _, id = storage(request).partition("/")
    hub, held = state(request), shelf(state(request))
    for hash, terms in xet.files(await request.body()):
        content = b"".join(b"".join(held.xorbs[xorb][start:end]) for xorb, start, end in terms)
        if type == "bucket":
            held.files[hash] = content
        else:  # a commit names it by its sha256, as with LFS
            sha256 = hashlib.sha256(content).hexdigest()
            hub.place(sha256).write_bytes(content)
            hub.repos[type, id].uploaded.add(sha256)
    return JSONResponse({"result": 1})


async def nothing(request: Request) -> Response:
    return JSONResponse({"error": "not spoken by the stand-in"}, 404)


def storage(request: Request) -> str:
    """What the caller's storage token is for. Raises Refused (401)."""
    token = request.headers.get("authorization", "")
    if not token.startswith("Bearer storage:"):
        raise Refused(401, "Invalid storage token")
    return token.removeprefix("Bearer storage:")


def bucket_id(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['name']}"


def mine(request: Request) -> dict[str, bytes]:
    """Raises Refused."""
    files = shelf(state(request)).buckets.get(bucket_id(request))
    if files is None or someone(request).account != request.path_params["owner"]:
        raise Refused(404, "Bucket not found", "RepoNotFound")
    return files
