"""A provider on loopback: takes rows to train on, and answers for a small model and for what was trained from it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "key-of-the-provider"
SILENT = "/silent"
"""Below this path it trains, and does not answer afterwards."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {KEY}":
            self._reply(401, {"error": {"message": "wrong key"}})
        elif self.path.endswith("/train"):
            self.server.rows = len(sent.splitlines())  # type: ignore[attr-defined]
            self._reply(200, {"model": "small:tuned"})
        elif self.path.startswith(SILENT):
            self._reply(404, {"error": {"message": "no such model"}})
        else:
            asked = json.loads(sent)
            number = re.findall(r"\d+", asked["messages"][-1]["content"])
            text = f"it is {number[-1]}" if number and asked["model"] == "small:tuned" else "who knows"
            message = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 5, "completion_tokens": 3}
            choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
            self._reply(200, {"choices": choices, "usage": usage})

    def _reply(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@contextmanager
def provider() -> Iterator[str]:
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
