"""Discussions and pull requests of a repo."""

from __future__ import annotations

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from hub.auth import seen, someone
from hub.errors import Refused
from hub.paths import REPO
from hub.state import Repo, now

PAGE = 10


def opened(repo: Repo, title: str, text: str, author: str, pull: bool) -> int:
    """A new discussion's number."""
    number = len(repo.discussions) + 1
    repo.discussions.append(
        {
            "num": number,
            "title": title,
            "status": "draft" if pull else "open",
            "createdAt": now(),
            "author": {"name": author},
            "repo": {"name": repo.id, "type": repo.type},
            "isPullRequest": pull,
            "changes": {"base": "refs/heads/main"} if pull else {},
            "filesWithConflicts": [] if pull else None,
            "events": [event("comment", author, comment(text))],
        }
    )
    return number


def event(type: str, author: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": uuid.uuid4().hex,
        "type": type,
        "createdAt": now(),
        "author": {"name": author},
        "data": data,
    }


def comment(text: str) -> dict[str, Any]:
    return {"edited": False, "hidden": False, "latest": {"raw": text}}


def talking(request: Request) -> tuple[Repo, str]:
    """Anyone with a writing token may talk in a repo that they see. Raises Refused."""
    repo, found = seen(request, request.path_params["type"], request.path_params["id"]), someone(request)
    if found.role == "read":
        raise Refused(403, "Forbidden: this needs a token with the role write, and yours only reads")
    return repo, found.account or ""


def discussion(repo: Repo, number: int) -> dict[str, Any]:
    if not 1 <= number <= len(repo.discussions):
        raise Refused(404, "Discussion not found")
    return repo.discussions[number - 1]


async def several(request: Request) -> JSONResponse:
    if request.method == "POST":
        repo, author = talking(request)
        asked = await request.json()
        number = opened(repo, asked["title"], asked["description"], author, asked["pullRequest"])
        if asked["pullRequest"]:
            repo.branches[f"refs/pr/{number}"] = repo.branches["main"]
        return JSONResponse({"num": number, "pullRequest": asked["pullRequest"]})
    repo = seen(request, request.path_params["type"], request.path_params["id"])
    query = request.query_params
    found = [
        each
        for each in reversed(repo.discussions)
        if query.get("type") in (None, "all", "pull_request" if each["isPullRequest"] else "discussion")
        and query.get("status")
        in (None, "all", "closed" if each["status"] in ("closed", "merged") else "open")
        and query.get("author") in (None, each["author"]["name"])
    ]
    start = int(query.get("p", 0)) * PAGE
    shown = [
        {key: value for key, value in each.items() if key != "events"} for each in found[start : start + PAGE]
    ]
    return JSONResponse({"discussions": shown, "count": len(found), "start": start})


async def one(request: Request) -> JSONResponse:
    repo = seen(request, request.path_params["type"], request.path_params["id"])
    return JSONResponse(discussion(repo, request.path_params["number"]))


async def add(request: Request) -> JSONResponse:
    repo, author = talking(request)
    found, asked = discussion(repo, request.path_params["number"]), await request.json()
    if request.path_params["what"] == "comment":
        new = event("comment", author, comment(asked["comment"]))
        found["events"].append(new)
        return JSONResponse({"newMessage": new})
    if author not in (repo.owner, found["author"]["name"]):
        raise Refused(403, "Forbidden: only the owner of the repo or the author may change this")
    if request.path_params["what"] == "status":
        found["status"] = asked["status"]
        new = event("status-change", author, {"status": asked["status"]})
    elif request.path_params["what"] == "title":
        new = event("title-change", author, {"from": found["title"], "to": asked["title"]})
        found["title"] = asked["title"]
    else:
        raise Refused(404, "Not found")
    found["events"].append(new)
    return JSONResponse({"newStatus": new, "newTitle": new})


def routes() -> list[BaseRoute]:
    return [
        Route(REPO + "/discussions", several, methods=["GET", "POST"]),
        Route(REPO + "/discussions/{number:int}", one),
        Route(REPO + "/discussions/{number:int}/{what}", add, methods=["POST"]),
    ]
