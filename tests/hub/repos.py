"""Repos: create, delete, move, settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from hub import hardware
from hub.auth import readable, someone, state, writer, written
from hub.errors import Refused
from hub.paths import PREFIXES, REPO
from hub.state import TYPES, State

NAME = re.compile(r"(?!.*(--|\.\.))[A-Za-z0-9_][A-Za-z0-9._-]{0,95}(?<![.-])")
NO_PLAN = (
    "Static Spaces are free for everyone, but hosting Gradio and Docker Spaces on free cpu-basic requires a PRO"
    " subscription. Subscribe at https://huggingface.co/pro"
)
"""The Hub's own words."""
GATES = (False, "auto", "manual")


def named(request: Request, asked: Mapping[str, Any]) -> tuple[str, str]:
    """Type and id of what a call in /api/repos is about. Raises Refused."""
    type = asked.get("type") or "model"
    if type not in TYPES:
        raise Refused(400, f"Invalid repo type: {type}")
    name = asked.get("name", "")
    return type, name if "/" in name else f"{asked.get('organization') or someone(request).account}/{name}"


async def create(request: Request) -> JSONResponse:
    asked: dict[str, Any] = await request.json()
    type, id = named(request, asked)
    owner, name = id.split("/", 1)
    writer(request, owner)
    if not NAME.fullmatch(name) or name.endswith(".git"):
        raise Refused(400, f"Invalid repo name: {id}")
    if type == "space" and asked.get("sdk") not in ("gradio", "docker", "static", "streamlit"):
        raise Refused(400, "A Space needs an sdk: gradio, docker or static")
    hub = state(request)
    url = f"{hub.endpoint}/{PREFIXES[type]}{id}"
    if any(known.lower() == id.lower() for kind, known in hub.repos if kind == type):
        return JSONResponse({"error": f"You already created this {type} repo: {id}", "url": url}, 409)
    # Since July 2026; ZeroGPU, for Gradio alone, is the exception.
    zero = type == "space" and asked.get("hardware") == hardware.ZERO
    if zero:
        check_zero(hub, owner, asked["sdk"])
    computes = type == "space" and asked["sdk"] != "static" and not zero
    if computes and not hub.accounts[someone(request).account or ""].pro:
        raise Refused(402, NO_PLAN)
    if type == "space" and asked.get("hardware"):
        hardware.check_rent(asked["hardware"], can_pay=hub.accounts[owner].can_pay)
    private = asked.get("private") is True or asked.get("visibility") == "private"
    hub.create(type, id, asked, private=private, sdk=asked.get("sdk"))
    return JSONResponse({"url": url, "name": id, "id": f"id-of-{id}"})


def check_zero(hub: State, owner: str, sdk: str | None, but: str = "") -> None:
    """Whether the owner may have one more Space on ZeroGPU, `but` not counted. Raises Refused."""
    account = hub.accounts[owner]
    held = [
        id for id, one in hub.spaces.items() if id.startswith(f"{owner}/") and one.requested == hardware.ZERO
    ]
    hardware.check_zero(
        sdk, pro=account.pro, good_standing=account.good_standing, held=len(set(held) - {but})
    )


async def delete(request: Request) -> JSONResponse:
    repo = written(request, *named(request, await request.json()))
    state(request).delete(repo)
    return JSONResponse({"success": True})


async def move(request: Request) -> JSONResponse:
    asked, hub = await request.json(), state(request)
    repo = written(request, asked["type"], asked["fromRepo"])
    writer(request, asked["toRepo"].split("/")[0])
    if (repo.type, asked["toRepo"]) in hub.repos:
        raise Refused(409, f"{asked['toRepo']} exists already")
    hub.repos[repo.type, asked["toRepo"]] = hub.repos.pop((repo.type, repo.id))
    repo.id = asked["toRepo"]
    return JSONResponse({"success": True})


async def settings(request: Request) -> JSONResponse:
    repo = written(request, request.path_params["type"], request.path_params["id"])
    asked = await request.json()
    if asked.get("visibility") not in (None, "private", "public", "protected"):
        raise Refused(400, "Invalid visibility")
    if asked.get("gated", False) not in GATES:
        raise Refused(400, "gated must be one of false, auto, manual")
    if "visibility" in asked or "private" in asked:
        repo.private = asked.get("visibility") == "private" or asked.get("private") is True
    repo.gated = asked.get("gated", repo.gated)
    return JSONResponse({"private": repo.private, "gated": repo.gated})


async def may(request: Request) -> JSONResponse:
    look = written if request.url.path.endswith("/write") else readable
    look(request, request.path_params["type"], request.path_params["id"])
    return JSONResponse({})


def routes() -> list[BaseRoute]:
    return [
        Route("/api/repos/create", create, methods=["POST"]),
        Route("/api/repos/delete", delete, methods=["DELETE"]),
        Route("/api/repos/move", move, methods=["POST"]),
        Route(REPO + "/settings", settings, methods=["PUT"]),
        Route(REPO + "/auth-check", may),
        Route(REPO + "/auth-check/write", may),
    ]
