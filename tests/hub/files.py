"""Files of a repo: resolve, the tree, facts of paths."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha1
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from hub.auth import readable, seen, state
from hub.commits import head
from hub.errors import Refused, no_entry
from hub.lfs import Stored, signed, typed
from hub.paths import PREFIXES, REPO, flag, page
from hub.state import Commit, File, Repo

PAGE = 1000


async def resolve(request: Request) -> Response:
    """The bytes of a small file; for a large one the way to the storage, with all facts on the way."""
    repo = readable(request, request.path_params["type"], request.path_params["id"])
    commit, path, hub = (
        head(repo, request.path_params["revision"]),
        request.path_params["path"],
        state(request),
    )
    file = commit.files.get(path)
    if file is None:
        refused = no_entry(path)
        refused.headers["X-Repo-Commit"] = commit.id
        raise refused
    headers = {
        "X-Repo-Commit": commit.id,
        "ETag": f'"{file.etag}"',
        "Accept-Ranges": "bytes",
        "Access-Control-Expose-Headers": "X-Repo-Commit,X-Linked-Size,X-Linked-ETag",
    }
    if file.lfs:
        linked = {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{file.sha256}"'}
        return RedirectResponse(signed(hub, "get", file.sha256), 302, {**headers, **linked})
    return Stored(hub.place(file.sha256), headers=headers, media_type="text/plain; charset=utf-8")


async def tree(request: Request) -> JSONResponse:
    repo = seen(request, request.path_params["type"], request.path_params["id"])
    commit = head(repo, request.path_params["revision"])
    folder = request.path_params.get("path", "").strip("/")
    found = entries(commit.files, folder, flag(request, "recursive"))
    if folder and not found:
        raise no_entry(folder)
    expand = flag(request, "expand")
    shown = [entry(repo, commit, path, found[path], expand) for path in sorted(found)]
    return page(request, shown, 100 if expand else PAGE)


def entries(files: Mapping[str, File], folder: str, recursive: bool) -> dict[str, File | None]:
    """Path → file, or None for a folder, of what lies in a folder."""
    top = f"{folder}/" if folder else ""
    found: dict[str, File | None] = {}
    for path, file in files.items():
        if path.startswith(top):
            parts = path[len(top) :].split("/")
            folders = range(1, len(parts)) if recursive else range(1, min(2, len(parts)))
            found |= {top + "/".join(parts[:depth]): None for depth in folders}
            if recursive or len(parts) == 1:
                found[path] = file
    return found


def entry(repo: Repo, commit: Commit, path: str, file: File | None, expand: bool) -> dict[str, Any]:
    if file is None:
        oid = sha1(
            repr([(each, commit.files[each].oid) for each in inside(commit, path)]).encode()
        ).hexdigest()
        shown: dict[str, Any] = {"type": "directory", "oid": oid, "size": 0, "path": path}
    else:
        shown = {"type": "file", "oid": file.oid, "size": file.size, "path": path}
        if file.lfs:
            shown["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
    if expand:
        last = changed(repo, commit, path)
        shown["lastCommit"] = {"id": last.id, "title": last.title, "date": last.date}
        if file:
            safe = {"status": "safe", "message": None}
            scans = ("jFrogScan", "protectAiScan", "avScan", "pickleImportScan")
            shown["securityFileStatus"] = {"status": "safe", **dict.fromkeys(scans, safe)}
    return shown


def inside(commit: Commit, path: str) -> list[str]:
    return sorted(each for each in commit.files if each == path or each.startswith(path + "/"))


def changed(repo: Repo, commit: Commit, path: str) -> Commit:
    """The commit that last touched a path."""
    held = {each: commit.files[each] for each in inside(commit, path)}
    for older in repo.history(commit.id):
        if {each: older.files[each] for each in inside(older, path)} != held:
            break
        commit = older
    return commit


async def paths_info(request: Request) -> JSONResponse:
    repo = seen(request, request.path_params["type"], request.path_params["id"])
    commit = head(repo, request.path_params["revision"])
    if "json" in request.headers.get("content-type", ""):
        body = await request.json()
        paths, expand = body["paths"], bool(body.get("expand"))
    else:
        form = parse_qs((await request.body()).decode())
        paths, expand = form.get("paths", []), form.get("expand", [""])[0].lower() == "true"
    if len(paths) > 1000:
        raise Refused(413, "Too many paths")
    everything = entries(commit.files, "", True)
    shown = [
        entry(repo, commit, path, everything[path], expand)
        for path in (each.strip("/") for each in paths)
        if path in everything
    ]
    return JSONResponse(shown)


def routes() -> list[BaseRoute]:
    found: list[BaseRoute] = [
        Route(REPO + "/tree/{revision:revision}", tree),
        Route(REPO + "/tree/{revision:revision}/{path:path}", tree),
        Route(REPO + "/paths-info/{revision:revision}", paths_info, methods=["POST"]),
    ]
    for type, prefix in reversed(PREFIXES.items()):
        for name in ("resolve", "raw"):
            path = f"/{prefix}{{id:id}}/{name}/{{revision:revision}}/{{path:path}}"
            found.append(Route(path, typed(resolve, type)))
    return found
