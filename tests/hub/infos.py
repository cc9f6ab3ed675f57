"""What the Hub tells of repos: one, and lists with filters."""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from hub.auth import member, seen, state
from hub.cards import card_of, strings
from hub.commits import head
from hub.errors import Refused
from hub.paths import REPO, flag, page
from hub.state import Commit, File, Repo, State

SORTED_BY = {
    "lastModified": "lastModified",
    "createdAt": "createdAt",
    "downloads": "downloads",
    "likes": "likes",
}
PAGE = 1000
# What a list shows of each repo unless `full` or `expand` ask for more.
SHORT = "_id id modelId author sha private gated disabled downloads likes tags pipeline_tag library_name createdAt lastModified sdk"


def info(hub: State, repo: Repo, commit: Commit, *, blobs: bool = False) -> dict[str, Any]:
    """All fields of a repo at a commit."""
    card, config = card_of(hub, repo), config_of(hub, repo)
    found: dict[str, Any] = {
        "_id": f"id-of-{repo.type}-{repo.id}",
        "id": repo.id,
        "author": repo.owner,
        "sha": commit.id,
        "lastModified": commit.date,
        "createdAt": repo.created_at,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": tags(repo, card, config),
        "cardData": dict(card) or None,
        "siblings": [sibling(path, file, blobs) for path, file in sorted(commit.files.items())],
        "usedStorage": sum(file.size for file in commit.files.values()),
    }
    if repo.type == "model":
        found |= {"modelId": repo.id, "library_name": library(card, config), "config": config, "spaces": []}
        found |= {"pipeline_tag": pipeline(card, config), "model-index": card.get("model-index")}
        weights = parameters(hub, commit)
        if weights:
            found["safetensors"] = {"parameters": dict(weights), "total": sum(weights.values())}
    if repo.type == "space":
        found |= {"sdk": card.get("sdk") or repo.sdk, "subdomain": repo.id.replace("/", "-")}
    for told in hub.about:
        found |= told(repo)
    return found


def sibling(path: str, file: File, blobs: bool) -> dict[str, Any]:
    if not blobs:
        return {"rfilename": path}
    lfs = {"sha256": file.sha256, "size": file.size, "pointerSize": 134} if file.lfs else None
    return {"rfilename": path, "size": file.size, "blobId": file.oid, **({"lfs": lfs} if lfs else {})}


def config_of(hub: State, repo: Repo) -> Mapping[str, Any]:
    file = repo.files.get("config.json")
    try:
        config = json.loads(hub.read(file)) if file and repo.type == "model" else {}
    except ValueError:
        return {}
    return {key: config[key] for key in ("architectures", "model_type") if key in config}


def library(card: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    return card.get("library_name") or ("transformers" if config.get("model_type") else None)


def pipeline(card: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    causal = any(name.endswith("ForCausalLM") for name in config.get("architectures") or ())
    return card.get("pipeline_tag") or ("text-generation" if causal else None)


def tags(repo: Repo, card: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """As the Hub makes them from the card and the files."""
    found: list[Any] = []
    if repo.type == "model":
        kinds = {path.rsplit(".", 1)[-1] for path in repo.files}
        found += [
            library(card, config),
            *sorted(kinds & {"safetensors", "gguf", "onnx"}),
            config.get("model_type"),
        ]
    if repo.type == "space":
        found += [card.get("sdk") or repo.sdk]
    found += strings(card.get("tags") or []) or []
    if repo.type == "model":
        found += [pipeline(card, config)]
        bases = strings(card.get("base_model") or []) or []
        relation = card.get("base_model_relation", "finetune")
        found += [f"base_model:{base}" for base in bases]
        found += [f"base_model:{relation}:{base}" for base in bases]
        found += [f"dataset:{name}" for name in strings(card.get("datasets") or []) or []]
    found += strings(card.get("language") or []) or []
    for key in ("license", "task_categories", "size_categories"):
        found += [f"{key}:{value}" for value in strings(card.get(key) or []) or []]
    return list(dict.fromkeys([*filter(None, found), "region:us"]))


def parameters(hub: State, commit: Commit) -> Counter[str]:
    """How many numbers of each type the safetensors files of the top folder hold."""
    found: Counter[str] = Counter()
    for path, file in commit.files.items():
        if path.endswith(".safetensors") and "/" not in path:
            with hub.place(file.sha256).open("rb") as weights:
                (size,) = struct.unpack("<Q", weights.read(8).ljust(8, b"\0"))
                try:
                    header = json.loads(weights.read(min(size, 1 << 24)))
                except ValueError:  # a test's stand-in for weights
                    continue
            for name, tensor in header.items():
                if name != "__metadata__":
                    found[tensor["dtype"]] += prod(tensor["shape"])
    return found


def chosen(found: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    return {key: found[key] for key in ("_id", "id", "modelId", *fields) if key in found}


async def one(request: Request) -> JSONResponse:
    repo = seen(request, request.path_params["type"], request.path_params["id"])
    commit = head(repo, request.path_params.get("revision", "main"))
    found = info(state(request), repo, commit, blobs=flag(request, "blobs"))
    fields = request.query_params.getlist("expand") + request.query_params.getlist("expand[]")
    return JSONResponse(chosen(found, fields) if fields else found)


async def several(request: Request) -> JSONResponse:
    query, hub = request.query_params, state(request)
    visible = [
        info(hub, repo, head(repo, "main"))
        for repo in hub.repos.values()
        if repo.type == request.path_params["type"] and (not repo.private or member(request, repo.owner))
    ]
    found = [each for each in visible if wanted(each, query)]
    sort = query.get("sort", "createdAt")
    if sort not in (*SORTED_BY, "trendingScore"):
        raise Refused(400, f"Invalid sort: {sort}")
    falling = query.get("direction", "-1") == "-1"
    if falling:
        found.reverse()  # of what was made in the same millisecond, the later comes first too
    found.sort(key=lambda each: str(each.get(sort, "")), reverse=falling)
    fields = query.getlist("expand") + query.getlist("expand[]")
    if not fields:
        fields = [*SHORT.split(), *more(request)]
    return page(request, [chosen(each, fields) for each in found], PAGE)


def more(request: Request) -> Iterator[str]:
    if flag(request, "full"):
        yield from ("siblings", "cardData")
    if flag(request, "cardData"):
        yield "cardData"
    if flag(request, "config"):
        yield "config"


def wanted(found: Mapping[str, Any], query: Any) -> bool:
    """Every filter must fit; a filter with commas is several."""
    asked = [each for value in query.getlist("filter") for each in value.split(",")]
    gated = query.get("gated")
    return (
        query.get("author") in (None, found["author"])
        and query.get("search", "").lower() in found["id"].lower()
        and set(asked) <= set(found["tags"])
        and query.get("pipeline_tag") in (None, found.get("pipeline_tag"))
        and (gated is None or (gated.lower() == "true") == bool(found["gated"]))
    )


def routes() -> list[BaseRoute]:
    return [
        Route("/api/{type:kind}", several),
        Route(REPO, one),
        Route(REPO + "/revision/{revision:revision}", one),
    ]
