"""What stands in the Hub's paths: kinds of repos, their ids, revisions; and the pages of a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse

PREFIXES = {"model": "", "dataset": "datasets/", "space": "spaces/"}  # in addresses that people see


class Kind(Convertor[str]):
    """models → "model": the plural in an API path as the type of a repo."""

    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value[:-1]

    def to_string(self, value: str) -> str:
        return value + "s"


class Id(Convertor[str]):
    """ada/x, or a name alone."""

    regex = "[^/]+(?:/[^/]+)?"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Revision(Id):
    regex = "refs/(?:pr|convert)/[^/]+|[^/]+"


register_url_convertor("kind", Kind())
register_url_convertor("id", Id())
register_url_convertor("revision", Revision())

REPO = "/api/{type:kind}/{id:id}"


def page(request: Request, items: Sequence[Any], size: int) -> JSONResponse:
    """One page of a list and where the next begins, in the header that clients follow."""
    query = request.query_params
    size = max(1, min(size, int(query.get("limit", size))))
    start = int(query.get("cursor", 0))
    headers = {"X-Total-Count": str(len(items))}
    if start + size < len(items):
        following = request.url.include_query_params(cursor=start + size)
        headers["Link"] = f'<{following}>; rel="next"'
    return JSONResponse(list(items[start : start + size]), headers=headers)


def flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() in {"1", "true"}
