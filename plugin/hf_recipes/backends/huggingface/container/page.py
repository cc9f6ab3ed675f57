"""What a training Space answers on its port: how the run goes. A Space that answers nothing never counts as started."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT = 7860
PAGE = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="15">
<meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:40rem;padding:0 1rem}}
th{{text-align:left;padding-right:1.5rem;font-weight:normal;opacity:.7;vertical-align:top}}</style></head>
<body><h1>{title}</h1><table>{rows}</table></body></html>
"""


def serve_status_page(
    status: Callable[[], Mapping[str, Any]], *, port: int = PORT, host: str = "0.0.0.0"
) -> int:
    """Answer `/` and `/status.json` until this process ends; returns the port. Raises OSError where it is taken."""

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "hf-recipes", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/status.json":
                self._answer(json.dumps(status(), ensure_ascii=False), "application/json")
            elif path == "/":
                self._answer(page(status()), "text/html; charset=utf-8")
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def _answer(self, text: str, kind: str) -> None:
            data = text.encode("utf-8", "replace")
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """The container's log is the run's; visits are none of its business."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def page(status: Mapping[str, Any]) -> str:
    metrics = status.get("metrics") or {}
    shown = {name: status.get(name) for name in ("state", "stage", "message")} | dict(metrics)
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in shown.items()
        if value not in (None, "")
    )
    return PAGE.format(title=html.escape(str(status.get("id", ""))), rows=rows)
