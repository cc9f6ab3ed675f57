"""Logs as server-sent events, the way fetch_space_logs and fetch_job_logs read them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate

from starlette.responses import StreamingResponse

from hub.processes import Log

KEEP_ALIVE = 30.0


def events(log: Log, ended: Callable[[], bool], tail: int | None = None) -> StreamingResponse:
    """What is there and what comes, until `ended`."""
    # The client that doesn't follow stops at what was logged after this date; uvicorn's own may be a second late.
    headers = {"Date": formatdate(usegmt=True)}
    return StreamingResponse(_events(log, ended, tail), media_type="text/event-stream", headers=headers)


async def _events(log: Log, ended: Callable[[], bool], tail: int | None) -> AsyncIterator[str]:
    at = max(0, len(log.lines) - tail) if tail is not None else 0
    spoken = time.monotonic()
    while True:
        over = ended()  # asked before the lines are, or the last of them could be missed
        for timestamp, data in log.lines[at:]:
            at += 1
            yield f"data: {json.dumps({'data': data, 'timestamp': timestamp})}\n\n"
            spoken = time.monotonic()
        if over:
            return
        if time.monotonic() - spoken > KEEP_ALIVE:
            yield ": keep-alive\n\n"
            spoken = time.monotonic()
        await asyncio.sleep(0.03)
