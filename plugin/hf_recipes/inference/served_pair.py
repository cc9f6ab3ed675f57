"""A pair behind an endpoint, asked as a loaded pair is on the page: what the server says comes whole, not token by token."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import Empty, Queue

from hf_recipes.endpoint.client import Client, EndpointFailed, Reply
from hf_recipes.inference.pair import Delta
from hf_recipes.inference.sides import Conversation, Which
from hf_recipes.recipe.model import Server

SECONDS_BETWEEN_LOOKS = 0.2


class ServedPair:
    def __init__(self, server: Server) -> None:
        self._server = server

    def count(self, messages: Conversation) -> None:
        """The server counts by a tokenizer of its own."""

    def base_alone(self) -> None:
        """Nothing is loaded here."""

    def stream(
        self, messages: Conversation, *, max_new_tokens: int, stop: threading.Event
    ) -> Iterator[Delta]:
        """One Delta with `done` for each model, as its answer comes; none any more once `stop` is set. Raises OSError."""
        done: Queue[tuple[Which, Reply | Exception, float]] = Queue()
        names: dict[Which, str] = {"base": self._server.base, "fine-tuned": str(self._server.fine_tuned)}
        for which, name in names.items():
            threading.Thread(
                target=self._ask, args=(which, name, messages, max_new_tokens, done), daemon=True
            ).start()
        waiting = set(names)
        while waiting and not stop.is_set():
            try:
                which, reply, seconds = done.get(timeout=SECONDS_BETWEEN_LOOKS)
            except Empty:
                continue
            if isinstance(reply, EndpointFailed):
                raise OSError(str(reply))
            if isinstance(reply, Exception):
                raise reply
            waiting.remove(which)
            weights = f"{which}:served/{names[which]}"
            yield Delta(which, reply.text, reply.completion_tokens or 0, seconds, seconds, True, weights)

    def _ask(
        self,
        which: Which,
        name: str,
        messages: Conversation,
        max_new_tokens: int,
        done: Queue[tuple[Which, Reply | Exception, float]],
    ) -> None:
        started = time.perf_counter()
        try:
            client = Client("the endpoint", self._server.base_url, name, self._server.api_key)
            try:
                (reply,) = client.chat([messages], max_new_tokens=max_new_tokens)
            finally:
                client.close()
            done.put((which, reply, time.perf_counter() - started))
        except Exception as failure:  # whatever it is, the page must not wait for this model
            done.put((which, failure, time.perf_counter() - started))
