"""Commits: preupload, the NDJSON commit, the history, branches and tags."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from hub import cards, discussions
from hub.auth import seen, someone, state, written
from hub.errors import Refused, no_entry, no_revision
from hub.paths import PREFIXES, REPO, flag, page
from hub.state import Commit, File, Repo, State, lfs_file

LFS_ENDINGS = re.findall(
    r"\S+",
    """
    .7z .arrow .bin .bz2 .ckpt .ftz .gz .h5 .joblib .model .msgpack .npy .npz .onnx .ot .parquet .pb
    .pickle .pkl .pt .pth .rar .safetensors .tar .tflite .tgz .wasm .xz .zip .zst
""",
)
FIRST_FILES = {
    ".gitattributes": "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in LFS_ENDINGS).encode()
}
REGULAR_UP_TO = 10 * 1024 * 1024


def as_lfs(path: str, size: int, sample: bytes) -> bool:
    """By its ending as .gitattributes says, or too big, or not text."""
    return size > 0 and (PurePosixPath(path).suffix in LFS_ENDINGS or size > REGULAR_UP_TO or b"\0" in sample)


async def preupload(request: Request) -> JSONResponse:
    repo = proposed(request)
    before = head(repo, request.path_params["revision"])
    answers = []
    for file in (await request.json())["files"]:
        there = before.files.get(file["path"])
        lfs = as_lfs(file["path"], file["size"], base64.b64decode(file["sample"]))
        answers.append(
            {
                "path": file["path"],
                "uploadMode": "lfs" if lfs else "regular",
                "shouldIgnore": False,
                **({"oid": there.etag} if there else {}),
            }
        )
    return JSONResponse({"files": answers})


async def commit(request: Request) -> JSONResponse:
    repo, hub, branch = proposed(request), state(request), request.path_params["revision"]
    lines = [json.loads(line) for line in (await request.body()).splitlines() if line.strip()]
    header: Mapping[str, Any] = next((each["value"] for each in lines if each["key"] == "header"), {})
    if not header.get("summary"):
        raise Refused(400, "The commit needs a summary")
    before = head(repo, branch)
    if header.get("parentCommit") not in (None, before.id):
        raise Refused(412, "A commit has happened since. Please refresh and try again.")
    added, removed = changes(hub, repo, before, lines)
    number = None
    if flag(request, "create_pr"):
        number = discussions.opened(
            repo, header["summary"], header.get("description", ""), request_account(request), True
        )
        branch = f"refs/pr/{number}"
        repo.branches[branch] = before.id
    elif branch not in repo.branches:
        raise no_revision(branch)
    made = hub.commit(
        repo, header["summary"], added, removed, message=header.get("description", ""),
        author=request_account(request), branch=branch,
    )  # fmt: skip
    place = f"{hub.endpoint}/{PREFIXES[repo.type]}{repo.id}"
    answer = {
        "success": True,
        "commitOid": made.id,
        "commitUrl": f"{place}/commit/{made.id}",
        "hookOutput": "",
    }
    if number:
        answer["pullRequestUrl"] = f"{place}/discussions/{number}"
    return JSONResponse(answer)


def changes(
    hub: State, repo: Repo, before: Commit, lines: list[dict[str, Any]]
) -> tuple[dict[str, bytes | File], set[str]]:
    """What the lines of a commit add and remove. Raises Refused."""
    added: dict[str, bytes | File] = {}
    removed: set[str] = set()
    for line in lines:
        value = line["value"]
        path = value.get("path", "")
        if line["key"] == "file":
            content = base64.b64decode(value["content"])
            if len(content) > REGULAR_UP_TO:
                raise Refused(400, f"{path} is larger than 10 MB: upload it with LFS")
            wrong = (
                cards.problems(repo.type, content.decode("utf-8", "replace")) if path == "README.md" else []
            )
            if wrong:
                raise Refused(400, f"Invalid metadata in README.md: {'; '.join(wrong)}")
            added[path] = content
        elif line["key"] == "lfsFile":
            if value["oid"] not in repo.uploaded:
                raise Refused(400, f"The LFS pointer of {path} points to a file that was not uploaded")
            added[path] = lfs_file(value["oid"], hub.place(value["oid"]).stat().st_size)
        elif line["key"] == "deletedFile":
            if path not in before.files:
                raise no_entry(path)
            removed.add(path)
        elif line["key"] == "deletedFolder":
            inside = {each for each in before.files if each.startswith(path.rstrip("/") + "/")}
            if not inside:
                raise no_entry(path)
            removed |= inside
        elif line["key"] != "header":
            raise Refused(400, f"Unknown operation: {line['key']}")
    return added, removed


def request_account(request: Request) -> str:
    return someone(request).account or ""


def proposed(request: Request) -> Repo:
    """The repo to commit to; a pull request may come from anyone who may see it. Raises Refused."""
    if not flag(request, "create_pr"):
        return written(request, request.path_params["type"], request.path_params["id"])
    if someone(request).role == "read":
        raise Refused(403, "Forbidden: this needs a token with the role write, and yours only reads")
    return seen(request, request.path_params["type"], request.path_params["id"])


def head(repo: Repo, revision: str) -> Commit:
    """Raises Refused (404)."""
    found = repo.commit(revision)
    if found is None:
        raise no_revision(revision)
    return found


def asked(request: Request) -> Repo:
    return seen(request, request.path_params["type"], request.path_params["id"])


async def history(request: Request) -> JSONResponse:
    repo = asked(request)
    head(repo, request.path_params["revision"])
    shown = [
        {
            "id": each.id,
            "title": each.title,
            "message": each.message,
            "authors": [{"user": each.author, "avatar": ""}],
            "date": each.date,
        }
        for each in repo.history(request.path_params["revision"])
    ]
    return page(request, shown, 50)


async def refs(request: Request) -> JSONResponse:
    repo = asked(request)

    def shown(names: Mapping[str, str], folder: str) -> list[dict[str, str]]:
        return [{"name": name, "ref": f"{folder}{name}", "targetCommit": id} for name, id in names.items()]

    pulls = {name: id for name, id in repo.branches.items() if name.startswith("refs/pr/")}
    branches = {name: id for name, id in repo.branches.items() if not name.startswith("refs/")}
    answer = {
        "branches": shown(branches, "refs/heads/"),
        "converts": [],
        "tags": shown(repo.tags, "refs/tags/"),
    }
    if flag(request, "include_prs"):
        answer["pullRequests"] = shown(pulls, "")
    return JSONResponse(answer)


async def branch(request: Request) -> Response:
    repo = written(request, request.path_params["type"], request.path_params["id"])
    name = request.path_params["name"]
    if request.method == "DELETE":
        if name == "main" or repo.branches.pop(name, None) is None:
            raise no_revision(name)
    elif name in repo.branches:
        raise Refused(409, f"Reference already exists: {name}")
    else:
        from_ = (await request.json() if await request.body() else {}).get("startingPoint", "main")
        repo.branches[name] = head(repo, from_).id
    return JSONResponse({"success": True})


async def tag(request: Request) -> Response:
    repo = written(request, request.path_params["type"], request.path_params["id"])
    name = request.path_params["name"]  # the new tag's revision, or the tag that goes
    if request.method == "DELETE":
        if repo.tags.pop(name, None) is None:
            raise no_revision(name)
    else:
        new = (await request.json())["tag"]
        if new in repo.tags:
            raise Refused(409, f"Tag already exists: {new}")
        repo.tags[new] = head(repo, name).id
    return JSONResponse({"success": True})


def routes() -> list[BaseRoute]:
    changing = ["POST", "DELETE"]
    return [
        Route(REPO + "/preupload/{revision:revision}", preupload, methods=["POST"]),
        Route(REPO + "/commit/{revision:revision}", commit, methods=["POST"]),
        Route(REPO + "/commits/{revision:revision}", history),
        Route(REPO + "/refs", refs),
        Route(REPO + "/branch/{name:revision}", branch, methods=changing),
        Route(REPO + "/tag/{name:revision}", tag, methods=changing),
    ]
