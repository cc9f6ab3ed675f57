"""Who am I."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from hub.auth import someone, state
from hub.errors import Refused


async def whoami(request: Request) -> JSONResponse:
    found = someone(request)
    account = state(request).accounts[found.account or ""]
    token = {
        "displayName": f"{found.role} token",
        "role": found.role,
        "createdAt": "2025-01-01T00:00:00.000Z",
    }
    return JSONResponse(
        {
            **public(account.name),
            "email": f"{account.name}@example.com",
            "emailVerified": True,
            "canPay": account.can_pay,
            "periodEnd": None,
            "isPro": account.pro,
            "orgs": [
                {
                    "type": "org",
                    "id": f"id-of-{name}",
                    "name": name,
                    "fullname": name.title(),
                    "roleInOrg": "write",
                }
                for name in account.orgs
            ],
            "auth": {"type": "oauth"}
            if found.role == "oauth"
            else {"type": "access_token", "accessToken": token},
        }
    )


async def overview(request: Request) -> JSONResponse:
    account = state(request).accounts.get(request.path_params["name"])
    if account is None:
        raise Refused(404, "This user does not exist")
    found = public(account.name)
    return JSONResponse({**found, "user": account.name})


def public(name: str) -> dict[str, Any]:
    return {
        "type": "user",
        "id": f"id-of-{name}",
        "name": name,
        "fullname": name.title(),
        "isPro": False,
        "avatarUrl": f"/avatars/{name}.svg",
    }


def routes() -> list[BaseRoute]:
    return [Route("/api/whoami-v2", whoami), Route("/api/users/{name}/overview", overview)]
