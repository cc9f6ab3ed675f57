"""Who asks, and whether they may."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

from hub.errors import Refused, no_repo
from hub.state import Repo, State


@dataclass(frozen=True)
class Caller:
    account: str | None
    role: str | None  # "read", "write", "oauth"; None without a token

    @property
    def known(self) -> bool:
        return self.account is not None


def state(request: Request) -> State:
    found: State = request.app.state.hub
    return found


def caller(request: Request) -> Caller:
    """Raises Refused (401) for a token that nobody has."""
    header = request.headers.get("authorization", "")
    if not header:
        return Caller(None, None)
    token = state(request).tokens.get(header.removeprefix("Bearer "))
    if token is None:
        raise Refused(401, "Invalid credentials in Authorization header")
    return Caller(token.account, token.role)


def someone(request: Request) -> Caller:
    """A caller who is logged in. Raises Refused (401)."""
    found = caller(request)
    if not found.known:
        raise Refused(401, "Invalid username or password.")
    return found


def writer(request: Request, namespace: str) -> Caller:
    """A caller who may write in this namespace. Raises Refused (401, 403)."""
    found = someone(request)
    if found.role == "read":
        raise Refused(403, "Forbidden: this needs a token with the role write, and yours only reads")
    if not member(request, namespace):
        raise Refused(403, f"Forbidden: you don't have the rights to write under the namespace {namespace}")
    return found


def member(request: Request, namespace: str) -> bool:
    """Whether a namespace is the caller's own, or an organization's that they belong to."""
    found = caller(request)
    account = state(request).accounts.get(found.account or "")
    return account is not None and namespace in (account.name, *account.orgs)


def seen(request: Request, type: str, id: str) -> Repo:
    """The repo, if the caller may see it. Raises Refused (401, 404)."""
    found = caller(request)
    repo = state(request).repos.get((type, id))
    if repo is None or (repo.private and not member(request, repo.owner)):
        raise no_repo(found.known)
    return repo


def readable(request: Request, type: str, id: str) -> Repo:
    """The repo, if the caller may read its files: a gated one asks for access. Raises Refused (401, 403, 404)."""
    repo, found = seen(request, type, id), caller(request)
    if repo.gated and found.account not in {repo.owner, *repo.granted}:
        ask = f"Access to {type} {id} is restricted"
        if found.known:
            raise Refused(403, f"{ask} and you are not in the authorized list.", "GatedRepo")
        raise Refused(401, f"{ask}. You must be authenticated to access it.", "GatedRepo")
    return repo


def written(request: Request, type: str, id: str) -> Repo:
    """The repo, if the caller may write to it. Raises Refused (401, 403, 404)."""
    repo = seen(request, type, id)
    writer(request, repo.owner)
    return repo
