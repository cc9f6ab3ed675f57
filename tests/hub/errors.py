"""How the stand-in says no: the status, the words and the X-Error headers that huggingface_hub reads."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse


class Refused(Exception):
    """Raised by any route; becomes the answer to its request."""

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, dict(headers or {})


async def answer(request: Request, refused: Exception) -> JSONResponse:
    assert isinstance(refused, Refused)
    headers = {"X-Error-Message": refused.message.encode("ascii", "replace").decode(), **refused.headers}
    if refused.code:
        headers["X-Error-Code"] = refused.code
    return JSONResponse({"error": refused.message}, refused.status, headers)


async def nowhere(request: Request, _: Exception) -> JSONResponse:
    """An address that the stand-in doesn't know: as JSON, and no page."""
    return await answer(request, Refused(404, "Sorry, we can't find the page you are looking for."))


def no_repo(known: bool) -> Refused:
    """A repo that isn't there or isn't yours. Without a token the Hub says 401, with one 404."""
    if known:
        return Refused(404, "Repository not found", "RepoNotFound")
    return Refused(401, "Invalid username or password.", "RepoNotFound")


def no_revision(revision: str) -> Refused:
    return Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def no_entry(path: str) -> Refused:
    return Refused(404, f"Entry not found: {path}", "EntryNotFound")
