"""pytest fixtures: `hub`, a stand-in Hub that is new for each test, and `logged_in`, an environment that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.handle import Hub, environment
from hub.search import files_with, leaks


@pytest.fixture(scope="session")
def _hub_app() -> Iterator[Any]:
    from hub.server import serving

    with serving() as app:
        yield app


@pytest.fixture
def hub(_hub_app: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    """After each test no token stands where it should not: in no request, no repo, no log and no file that was written.

    A test that puts one there itself says so with the mark `leaks`.
    """
    from hub.server import fresh

    state = _hub_app.hub = fresh(_hub_app.endpoint)
    hub = Hub(state)
    try:
        yield hub
        if request.node.get_closest_marker("leaks") is None:
            for secret in (hub.token, hub.read_token, hub.oauth_token, hub.other_token):
                assert leaks(state, secret) == []
                assert files_with(tmp_path, secret) == []
    finally:
        state.close()


@pytest.fixture
def logged_in(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The environment of this process and its children points at the stand-in, with ada's write token."""
    for name, value in environment(hub, tmp_path / "hf_home").items():
        monkeypatch.setenv(name, value)
    return hub
