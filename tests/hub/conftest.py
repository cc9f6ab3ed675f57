"""For the tests of what the stand-in Hub runs."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import pytest

from hub.handle import Hub


@pytest.fixture
def nothing_is_left(hub: Hub) -> Iterator[None]:
    """After each test, once the Hub is closed, no process that it started lives. (`hub` closes it again: harmless.)"""
    yield
    hub.state.close()
    folder = str(hub.state.folder)
    left = []
    for process in psutil.process_iter():
        try:
            if any(folder in value for value in process.environ().values()):
                left.append(process.cmdline())
        except psutil.Error:
            continue
    assert not left
