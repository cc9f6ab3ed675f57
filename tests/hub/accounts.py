"""Routes: accounts."""

from __future__ import annotations

from starlette.routing import BaseRoute

from hub.state import State


def routes() -> list[BaseRoute]:
    return []


def attach(state: State) -> None:
    """Told of every fresh State."""
