"""One model behind an endpoint that speaks OpenAI's HTTP interface, asked through the official client.

The client repeats what the server asks to have repeated (429, 5xx, broken connections; Retry-After is kept to). What
stays refused is one sentence. The key is read from its variable when the client is made, and stands in no message.
"""

from __future__ import annotations

import os
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from hf_recipes.inference.answerer import Answer
from hf_recipes.inference.sides import Conversation

RETRIES = 5
TIMEOUT = 300.0
"""Seconds for one answer. A server that queues the rows of a whole batch may take long for the last of them."""
AT_ONCE = 8
"""Requests under way to somebody else's server."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class EndpointFailed(Exception):
    """An endpoint does not answer; the message is one sentence, without its key."""


class Endpoint:
    def __init__(self, what: str, base_url: str, model: str, api_key: str | None = None) -> None:
        """`what` names it in messages; `api_key` is the *name* of a variable. Raises EndpointFailed."""
        import openai

        self.model = model
        self._what, self._url = what, base_url
        self._key = _key(what, api_key)
        local = urllib.parse.urlsplit(base_url).hostname in LOOPBACK
        self._client = openai.OpenAI(
            # Never left out: the client would then send the key of another server, out of OPENAI_API_KEY.
            api_key=self._key or "none",
            base_url=base_url,
            max_retries=RETRIES,
            timeout=TIMEOUT,
            http_client=openai.DefaultHttpxClient(trust_env=not local),  # a proxy does not reach this machine
        )
        self._settings: dict[str, Any] = {"temperature": 0}
        self._length = "max_tokens"

    def chat(
        self,
        conversations: Sequence[Conversation],
        *,
        weights: str,
        max_new_tokens: int,
        at_once: int = AT_ONCE,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """Answers to the conversations, in their order, each greedy as far as the server allows. Raises EndpointFailed."""
        requests = [partial(self._chat, one, max_new_tokens) for one in conversations]
        return self._all(requests, weights, at_once, progress)

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        weights: str,
        max_new_tokens: int,
        at_once: int,
        extra: Mapping[str, Any],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """As `chat`, for prompts that are tokens already; `extra` is what this server knows beyond OpenAI's interface."""

        def one(prompt: Sequence[int]) -> Any:
            return self._client.completions.create(
                model=self.model,
                prompt=list(prompt),
                max_tokens=max_new_tokens,
                temperature=0,
                extra_body=dict(extra),
            )

        return self._all([partial(one, prompt) for prompt in prompts], weights, at_once, progress)

    def close(self) -> None:
        self._client.close()

    def _all(
        self,
        requests: Sequence[Callable[[], Any]],
        weights: str,
        at_once: int,
        progress: Callable[[int, int], None] | None,
    ) -> list[Answer]:
        started = time.perf_counter()
        answers: list[tuple[str, int, int]] = []
        with ThreadPoolExecutor(max(1, min(at_once, len(requests)))) as pool:
            waiting = [pool.submit(self._read, request) for request in requests]
            try:
                for future in waiting:
                    answers.append(future.result())
                    if progress is not None:
                        progress(len(answers), len(requests))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        seconds = (time.perf_counter() - started) / max(1, len(requests))
        return [Answer(text, prompt, completion, seconds, weights) for text, prompt, completion in answers]

    def _chat(self, messages: Conversation, max_new_tokens: int) -> Any:
        """Newer models of OpenAI's take another name for the length, and no temperature: found out by asking."""
        import openai

        for _ in range(3):
            length = self._length
            settings = dict(self._settings)
            try:
                return self._client.chat.completions.create(
                    model=self.model,
                    messages=[dict(turn) for turn in messages],
                    **{length: max_new_tokens},
                    **settings,
                )
            except openai.BadRequestError as error:
                said = str(error)
                if "max_completion_tokens" in said and length == "max_tokens":
                    self._length = "max_completion_tokens"
                elif "temperature" in said and settings:
                    self._settings = {}
                else:
                    raise
        raise EndpointFailed(f"{self._what}: {self._url} takes no setting of length and temperature")

    def _read(self, request: Callable[[], Any]) -> tuple[str, int, int]:
        """Text, prompt tokens, completion tokens of one reply."""
        import openai

        try:
            reply = request()
        except openai.OpenAIError as error:
            raise EndpointFailed(self._sentence(error)) from None
        choices, usage = getattr(reply, "choices", None), getattr(reply, "usage", None)
        if not choices:
            raise EndpointFailed(
                f"{self._what}: {self._url} does not speak OpenAI's interface: its reply has no choices"
            )
        counts = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        if not all(isinstance(count, int) for count in counts):
            raise EndpointFailed(
                f"{self._what}: {self._url} does not say how many tokens it read and wrote (usage), so its cost cannot be compared"
            )
        first = choices[0]
        text = first.message.content if hasattr(first, "message") else first.text
        return str(text or ""), int(counts[0] or 0), int(counts[1] or 0)

    def _sentence(self, error: Exception) -> str:
        import openai

        if isinstance(error, openai.APITimeoutError):
            what = f"{self._url} has not answered within {TIMEOUT:.0f} s"
        elif isinstance(error, openai.APIConnectionError):
            cause = error.__cause__ or error
            what = f"{self._url} cannot be reached ({cause})"
        elif isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            what = f"{self._url} refuses the key ({error.status_code}); check the variable of api_key"
        elif isinstance(error, openai.NotFoundError):
            what = (
                f"{self._url} knows no model {self.model!r} (404); check model and base_url: {_said(error)}"
            )
        elif isinstance(error, openai.RateLimitError):
            what = f"{self._url} is asked too often, or the account's quota is used up (429): {_said(error)}"
        elif isinstance(error, openai.APIStatusError):
            what = f"{self._url} answers with {error.status_code}: {_said(error)}"
        else:
            what = f"{self._url}: {type(error).__name__}: {error}"
        text = " ".join(f"{self._what}: {what}".split())
        return text.replace(self._key, "***") if self._key else text


def _key(what: str, variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise EndpointFailed(f"{what}: the environment variable {variable} is not set; export {variable}=…")
    return key


def _said(error: Any) -> str:
    """What the server itself says, in short."""
    body = error.body
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    message = inner.get("message") if isinstance(inner, Mapping) else inner
    return str(message or error)[:300]
