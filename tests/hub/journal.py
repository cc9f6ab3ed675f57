"""Around the app: writes down every request and brings the faults that a test asked for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hub.state import BODY_KEPT, Fault, Sent, State


class Cut(Exception):
    """The connection was cut here, as by a broken network."""


class Journal:
    def __init__(self, app: Any) -> None:
        self.app = app
        self.endpoint = ""

    @property
    def hub(self) -> State:
        state: State = self.app.state.hub
        return state

    @hub.setter
    def hub(self, state: State) -> None:
        self.app.state.hub = state

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        state = self.hub
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        sent = Sent(scope["method"], scope["path"], scope["query_string"].decode(), headers)
        with state.lock:
            state.requests.append(sent)
            fault = next((each for each in state.faults if each.meets(sent.method, sent.path)), None)
            if fault:
                fault.times -= 1
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        left = fault.after_bytes if fault else None
        answered, gone = 0, False

        async def cut() -> None:
            """uvicorn hands no way to break a connection; its `send` belongs to the cycle that holds the transport."""
            nonlocal gone
            gone = True
            send.__self__.transport.abort()
            await asyncio.sleep(0.01)  # for uvicorn to see that nobody is there
            raise Cut

        async def arriving() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                body = message.get("body", b"")
                sent.size += len(body)
                sent.body += body[: max(0, BODY_KEPT - len(sent.body))]
                if left is not None and sent.method != "GET" and sent.size >= left:
                    await cut()
            return message

        async def answering(message: Any) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                if fault and fault.lost:
                    await cut()
                sent.status = message["status"]
            elif left is not None and sent.method == "GET":
                body = message.get("body", b"")[: left - answered]
                answered += len(body)
                await send({**message, "body": body, "more_body": True})
                if answered >= left:
                    # What was written must leave before the connection goes.
                    await asyncio.sleep(0.05)
                    await cut()
                return
            await send(message)

        try:
            if fault and fault.refuses:
                while (await arriving()).get("more_body"):
                    pass
                if fault.status is None:
                    await cut()
                await refuse(fault, answering)
            else:
                await self.app(scope, arriving, answering)
        except Cut:
            pass
        if gone:
            sent.status = None


async def refuse(fault: Fault, send: Any) -> None:
    body = json.dumps({"error": fault.message}).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **fault.headers}
    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
