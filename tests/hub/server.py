"""The stand-in Hub's app and the thread that serves it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from starlette.applications import Starlette

from hub import accounts, cards, commits, discussions, files, infos, jobs, lfs, repos, spaces
from hub.errors import Refused, answer
from hub.journal import Journal
from hub.state import State

# Spaces and Jobs first: theirs are the narrower paths.
MODULES: tuple[ModuleType, ...] = (
    spaces,
    jobs,
    accounts,
    cards,
    commits,
    discussions,
    lfs,
    repos,
    infos,
    files,
)


def fresh(endpoint: str) -> State:
    state = State(endpoint)
    for module in MODULES:
        if hasattr(module, "attach"):
            module.attach(state)
    return state


def make_app() -> Any:
    """The ASGI app; `app.hub` is its State, set anew for each test."""
    app = Starlette(
        routes=[route for module in MODULES for route in module.routes()],
        exception_handlers={Refused: answer},
    )
    return Journal(app)


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[Any]:
    """The app, served from a thread at `app.endpoint`."""
    import uvicorn

    app = make_app()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off",
        proxy_headers=False, date_header=False, timeout_graceful_shutdown=1, timeout_keep_alive=30,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the stand-in Hub did not start")
        time.sleep(0.005)
    app.endpoint = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield app
    finally:
        server.should_exit = True
        thread.join(10)
