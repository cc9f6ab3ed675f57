"""The card of a repo: the YAML at the top of its README.md, what the Hub checks in it and what it shows of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from hub.state import Repo, State

FRONT = re.compile(r"\A(?:\ufeff)?---[ \t]*\r?\n(.*?)^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
LICENSES = set(re.findall(r"\S+", """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear
    c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0
    cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl
    ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1
    lgpl-3.0 isc lppl-1.3c ms-pl apple-ascl mpl-2.0 odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1
    ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license llama2 llama3 llama3.1 llama3.2 llama3.3
    llama4 gemma unknown other
"""))  # fmt: skip
SDKS = {"gradio", "docker", "static", "streamlit"}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
REPO_ID = re.compile(r"(?:[\w-]+/)?[\w.-]+", re.ASCII)
LICENSE_LINKS = re.compile(r"https?://.+|LICENSE(\.md)?")


def metadata(text: str) -> Mapping[str, Any]:
    """Raises ValueError when the top isn't YAML, or YAML but no mapping."""
    found = FRONT.match(text)
    if not found:
        return {}
    try:
        card = yaml.safe_load(found[1])
    except yaml.YAMLError as broken:
        raise ValueError(f"Invalid YAML: {' '.join(str(broken).split())}") from None
    if card is None:
        return {}
    if not isinstance(card, dict):
        raise ValueError("Metadata must be an object")
    return card


def problems(type: str, text: str) -> list[str]:
    """What the Hub would refuse a README.md for."""
    try:
        card = metadata(text)
    except ValueError as broken:
        return [str(broken)]
    return (
        list(model_problems(card) if type == "model" else ())
        + list(space_problems(card) if type == "space" else ())
        + list(common_problems(card))
    )


def strings(value: Any) -> list[str] | None:
    listed = value if isinstance(value, list) else [value]
    return listed if all(isinstance(each, str) for each in listed) else None


def common_problems(card: Mapping[str, Any]) -> Iterator[str]:
    if "license" in card and not set(strings(card["license"]) or ["?"]) <= LICENSES:
        yield f'"license" must be one of the licenses the Hub knows, not {card["license"]!r}'
    if "tags" in card and not (isinstance(card["tags"], list) and strings(card["tags"]) is not None):
        yield '"tags" must be an array of strings'


def model_problems(card: Mapping[str, Any]) -> Iterator[str]:
    if not LICENSE_LINKS.fullmatch(str(card.get("license_link", "LICENSE"))):
        yield f'"license_link" must be a URL or LICENSE, not {card["license_link"]!r}'
    for key in ("base_model", "datasets"):
        named = strings(card.get(key, []))
        if named is None or not all(REPO_ID.fullmatch(each) for each in named):
            yield f'"{key}" must be ids of repos, not {card[key]!r}'
    for model in card.get("model-index", []):
        if not isinstance(model, dict) or not model.get("name") or not isinstance(model.get("results"), list):
            yield '"model-index" needs a "name" and "results"'
            continue
        for result in model["results"]:
            if not (result.get("task") or {}).get("type"):
                yield '"model-index[].results[].task.type" is required'
            dataset = result.get("dataset") or {}
            if not (dataset.get("type") and dataset.get("name")):
                yield '"model-index[].results[].dataset" needs "type" and "name"'
            elif not REPO_ID.fullmatch(str(dataset["type"])):
                yield f'"model-index[].results[].dataset.type" with value "{dataset["type"]}" fails to match the required pattern'
            if not result.get("metrics"):
                yield '"model-index[].results[].metrics" is required'
            for metric in result.get("metrics") or []:
                if not metric.get("type") or metric.get("value") is None:
                    yield '"model-index[].results[].metrics[]" needs "type" and "value"'


def space_problems(card: Mapping[str, Any]) -> Iterator[str]:
    if card.get("sdk", "docker") not in SDKS:
        yield f'"sdk" must be one of [{", ".join(sorted(SDKS))}]'
    for key in ("colorFrom", "colorTo"):
        if card.get(key, "red") not in COLOURS:
            yield f'"{key}" must be one of [{", ".join(sorted(COLOURS))}]'
    if len(str(card.get("short_description", ""))) > 60:
        yield '"short_description" length must be less than or equal to 60 characters long'


def card_of(state: State, repo: Repo) -> Mapping[str, Any]:
    readme = repo.files.get("README.md")
    try:
        return metadata(state.read(readme).decode("utf-8", "replace")) if readme else {}
    except ValueError:  # seeded by a test; a commit is refused for it
        return {}


async def validate(request: Request) -> JSONResponse:
    asked = await request.json()
    errors = problems(asked["repoType"], asked["content"])
    missing = not FRONT.match(asked["content"])
    warnings = [{"message": "empty or missing yaml metadata in repo card"}] if missing else []
    return JSONResponse(
        {"errors": [{"message": each} for each in errors], "warnings": warnings}, 400 if errors else 200
    )


def routes() -> list[BaseRoute]:
    return [Route("/api/validate-yaml", validate, methods=["POST"])]
