"""A small server that speaks OpenAI's interface over real HTTP, and vLLM's command line where it is started as a program.

    python endpoints.py serve MODEL --host 127.0.0.1 --port 8000 --served-model-name NAME …

Standard library only: the tests start it in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    models: tuple[str, ...] = ("big",)
    key: str | None = None
    refuse: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    """(status, headers, message) for the next requests, one each."""
    newer: bool = False
    """Takes max_completion_tokens alone, and no temperature, as OpenAI's reasoning models do."""
    usage: bool = True
    ended: str = "stop"
    """The finish_reason of every answer."""
    seconds: float = 0.0
    seen: list[dict[str, Any]] = field(default_factory=list)
    most: int = 0
    """The most requests that were under way at once."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviour: Behaviour, port: int = 0) -> None:
        self.behaviour, self.lock, self.busy = behaviour, threading.Lock(), 0
        super().__init__(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        behaviour = self.server.behaviour
        with self.server.lock:
            behaviour.seen.append({**asked, "path": self.path, "auth": self.headers.get("Authorization")})
            refusal = behaviour.refuse.pop(0) if behaviour.refuse else None
            self.server.busy += 1
            behaviour.most = max(behaviour.most, self.server.busy)
        time.sleep(behaviour.seconds)
        with self.server.lock:
            self.server.busy -= 1
        if refusal:
            return self._send(refusal[0], {"error": {"message": refusal[2]}}, refusal[1])
        if behaviour.key and self.headers.get("Authorization") != f"Bearer {behaviour.key}":
            wrong = f"Incorrect API key provided: {self.headers.get('Authorization')}"
            return self._send(401, {"error": {"message": wrong}})
        if asked["model"] not in behaviour.models:
            return self._send(404, {"error": {"message": f"The model {asked['model']} does not exist"}})
        if behaviour.newer and "max_tokens" in asked:
            return self._send(
                400,
                {
                    "error": {
                        "message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
                    }
                },
            )
        if behaviour.newer and "temperature" in asked:
            return self._send(
                400, {"error": {"message": "Unsupported value: 'temperature' does not support 0"}}
            )
        self._send(200, self._reply(asked))

    def _reply(self, asked: dict[str, Any]) -> dict[str, Any]:
        chat = self.path.endswith("/chat/completions")
        if chat:
            text = f"{asked['model']}: {asked['messages'][-1]['content']}"
            choice = {
                "index": 0,
                "finish_reason": self.server.behaviour.ended,
                "message": {"role": "assistant", "content": text},
            }
            count = sum(len(turn["content"].split()) for turn in asked["messages"])
        else:
            count = len(asked["prompt"])
            text = f"{asked['model']}: {asked['prompt'][-1]}"
            choice = {
                "index": 0,
                "finish_reason": self.server.behaviour.ended,
                "text": text,
                "logprobs": None,
            }
        usage = {"prompt_tokens": count, "completion_tokens": 3, "total_tokens": count + 3}
        return {
            "id": "1",
            "object": "chat.completion" if chat else "text_completion",
            "created": 1,
            "model": asked["model"],
            "choices": [choice],
            "usage": usage if self.server.behaviour.usage else None,
        }

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """What of `vllm serve` is used: its arguments (an unknown one is an error), its readiness, its completions."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", required=True, choices=["127.0.0.1"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", required=True)
    parser.add_argument("--generation-config", choices=["vllm"])
    parser.add_argument("--max-model-len", type=int, required=True)
    parser.add_argument("--enable-lora", action="store_true")
    parser.add_argument("--max-lora-rank", type=int, choices=[1, 8, 16, 32, 64, 128, 256, 320, 512])
    parser.add_argument("--lora-modules", nargs="*", default=[])
    arguments = parser.parse_args()
    if failure := os.environ.get("STAND_IN_FAILS"):
        sys.exit(failure)
    adapters = dict(one.split("=", 1) for one in arguments.lora_modules)
    assert all(os.path.isfile(os.path.join(path, "adapter_config.json")) for path in adapters.values())  # noqa: PTH113, PTH118
    time.sleep(0.3)
    with open(os.environ["STAND_IN_SEEN"], "a") as file:  # noqa: PTH123
        file.write(json.dumps({"pid": os.getpid(), **vars(arguments)}) + "\n")
    Server(Behaviour((arguments.served_model_name, *adapters)), arguments.port).serve_forever()


if __name__ == "__main__":
    main()
