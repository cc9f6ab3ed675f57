"""Asking a model behind an endpoint many questions at once.

What the server asks to have repeated is repeated (429, 5xx, broken connections; Retry-After is kept to) within the time
that one answer has. What stays refused, or answers with anything but OpenAI's interface, is one EndpointFailed. The key is
read from its variable when the client is made; it stands in no message and in no answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from hf_recipes import __version__
from hf_recipes.endpoint.exchange import MIB, Received, UnusableAnswer, exchange

SECONDS = 300.0
"""For one answer, its repetitions included."""
ROUNDS = 6
"""So many times as long at the most, where the server answers others meanwhile."""
RETRIES = 5
LONGEST_WAIT = 60.0
"""The longest Retry-After in seconds that is waited for; beyond it the server is not asked again."""
AT_ONCE = 8
"""Concurrent requests to a third-party server."""
ROOM, MOST_ROOM, BYTES_PER_TOKEN = MIB, 64 * MIB, 1024
"""Bytes of an answer: what comes with every one, what is read at the most, and what a token may take."""
AGAIN = (408, 409, 429, 500, 502, 503, 504, 529)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
NO_KEY = "none"
"""What is sent without a key: many servers want the header, whatever it holds."""
MASK = "***"

Turns = Sequence[Mapping[str, str]]


class EndpointFailed(Exception):
    """An endpoint does not answer, or badly; the message is one sentence, without its key."""


@dataclass(frozen=True)
class Reply:
    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str
    """As the server says it, such as `stop` or `length`; empty where it does not."""


class Client:
    def __init__(self, what: str, base_url: str, model: str, api_key: str | None = None) -> None:
        """`what` names it in messages; `api_key` is the *name* of a variable. Raises EndpointFailed."""
        import httpx2

        self.model, self.what, self.url = model, what, _without_user(base_url)
        self._key = _key(what, api_key)
        self._base_url = base_url.rstrip("/")
        # All that is sent: no header comes out of the environment.
        self._headers = {
            "Authorization": f"Bearer {self._key or NO_KEY}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"hf-recipes/{__version__}",
        }
        local = urllib.parse.urlsplit(base_url).hostname in LOOPBACK
        self._client = httpx2.AsyncClient(
            timeout=None,  # of each read; `exchange` has the time for all
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=AT_ONCE),
            follow_redirects=False,
            trust_env=not local,  # a proxy does not reach this machine
        )
        self._loop = asyncio.new_event_loop()
        self._settings: dict[str, Any] = {"temperature": 0}
        self._length = "max_tokens"
        self._template: dict[str, Any] = {}
        self._answered = 0.0

    def chat(
        self,
        conversations: Sequence[Turns],
        *,
        max_new_tokens: int | None = None,
        at_once: int = AT_ONCE,
        each: Callable[[int, Reply], None] | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> list[Reply]:
        """Replies in the order of the conversations, each greedy as far as the server allows; `each` gets one with its
        place as soon as it is there. `template_options` are for its chat template, where it takes any, as vLLM, SGLang and
        llama.cpp do. Raises EndpointFailed."""
        self._template = {"chat_template_kwargs": dict(template_options)} if template_options else {}
        asks = [partial(self._chat, conversation, max_new_tokens) for conversation in conversations]
        return self._run(self._all(asks, at_once, each))

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        at_once: int,
        extra: Mapping[str, Any],
        each: Callable[[int, Reply], None] | None = None,
    ) -> list[Reply]:
        """As `chat`, for prompts that are tokens already; `extra` is what this server knows beyond OpenAI's interface."""
        settings = {"max_tokens": max_new_tokens, "temperature": 0, **extra}
        asks = [
            partial(self._reply, "completions", {"prompt": list(prompt), **settings}, max_new_tokens)
            for prompt in prompts
        ]
        return self._run(self._all(asks, at_once, each))

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._client.aclose())
            self._loop.close()

    def failed(self, what: str) -> EndpointFailed:
        """`what` ends the sentence that its address begins."""
        return EndpointFailed(self._clean(" ".join(f"{self.what}: {self.url} {what}".split())))

    def _run(self, work: Any) -> list[Reply]:
        task = self._loop.create_task(work)
        try:
            done: list[Reply] = self._loop.run_until_complete(task)
            return done
        except BaseException:
            if not task.done():  # interrupted: no request goes on behind our back
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    self._loop.run_until_complete(task)
            raise

    async def _all(
        self,
        asks: Sequence[Callable[[], Awaitable[Reply]]],
        at_once: int,
        each: Callable[[int, Reply], None] | None,
    ) -> list[Reply]:
        replies: dict[int, Reply] = {}
        waiting = iter(enumerate(asks))

        async def work() -> None:
            for place, ask in waiting:
                replies[place] = await ask()
                if each is not None:
                    each(place, replies[place])

        workers = [asyncio.ensure_future(work()) for _ in range(max(1, min(at_once, len(asks))))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [replies[place] for place in range(len(asks))]

    async def _chat(self, messages: Turns, max_new_tokens: int | None) -> Reply:
        """Newer models of OpenAI's take another name for the length, and no temperature: found out by asking."""
        for _ in range(4):
            length, settings = self._length, {**self._settings, **self._template}
            limit = {} if max_new_tokens is None else {length: max_new_tokens}
            body = {"messages": [dict(turn) for turn in messages], **limit, **settings}
            try:
                return await self._reply("chat/completions", body, max_new_tokens)
            except _BadRequest as refused:
                if "max_completion_tokens" in refused.said and length == "max_tokens" and limit:
                    self._length = "max_completion_tokens"
                elif "chat_template_kwargs" in refused.said and "chat_template_kwargs" in settings:
                    self._template = {}
                elif "temperature" in refused.said and settings:
                    self._settings = {}
                else:
                    raise
        raise self.failed("takes no setting of length and temperature")

    async def _reply(self, path: str, body: Mapping[str, Any], max_new_tokens: int | None) -> Reply:
        room = min(MOST_ROOM, ROOM + BYTES_PER_TOKEN * (max_new_tokens or 4096))
        received = await self._received(path, {"model": self.model, **body}, room)
        if received.status != 200:
            raise self._refused(received)
        reply = self._read(received)
        self._answered = time.monotonic()
        return reply

    async def _received(self, path: str, body: Mapping[str, Any], room: int) -> Received:
        """The first answer that is not to be repeated, or the last one."""
        content = json.dumps(body).encode()
        deadline = time.monotonic() + SECONDS
        for attempt in range(RETRIES + 1):
            received: Received | None = None
            broken: EndpointFailed | None = None
            try:
                asked = exchange(self._client, f"{self._base_url}/{path}", self._headers, content, room=room)
                received = await self._within(max(0.1, deadline - time.monotonic()), asked)
            except asyncio.TimeoutError:
                raise self.failed(f"has not answered within {SECONDS:.0f} s") from None
            except UnusableAnswer as error:
                raise self.failed(str(error)) from None
            except (
                Exception
            ) as error:  # a foreign border: sockets, TLS, HTTP, proxies, each with classes of its own
                broken = self.failed(f"cannot be reached ({_cause(error)})")
            wait = _wait(attempt, received)
            if received is not None and received.status not in AGAIN:
                return received
            if attempt == RETRIES or wait is None or time.monotonic() + wait > deadline:
                break
            await asyncio.sleep(wait)
        if received is None:
            assert broken is not None
            raise broken
        return received

    async def _within(self, seconds: float, work: Coroutine[Any, Any, Received]) -> Received:
        """From the connection to the last byte. A server that answers one row after the other has more time for the last of
        them: it is waited for while others are answered. Raises asyncio.TimeoutError, and what the work raises."""
        task = asyncio.ensure_future(work)
        try:
            for _ in range(ROUNDS):
                began = time.monotonic()
                if (await asyncio.wait({task}, timeout=seconds))[0]:
                    return task.result()
                if self._answered < began:
                    break
                seconds = SECONDS
            raise asyncio.TimeoutError
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    def _read(self, received: Received) -> Reply:
        reply = _json(received.body)
        if reply is None:
            raise self._foreign("its reply is not JSON")
        choices = reply.get("choices") if isinstance(reply, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            raise self._foreign("its reply has no choices")
        first = choices[0]
        holder, name = (first.get("message"), "content") if "message" in first else (first, "text")
        if not isinstance(holder, dict):
            raise self._foreign("its reply has no message")
        text = holder.get(name)
        if text is not None and not isinstance(text, str):
            raise self._foreign(f"the {name} of its reply is no text")
        usage = reply.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        reason = first.get("finish_reason")
        return Reply(
            self._clean(text or ""),
            _count(counts.get("prompt_tokens")),
            _count(counts.get("completion_tokens")),
            reason[:40] if isinstance(reason, str) else "",
        )

    def _foreign(self, why: str) -> EndpointFailed:
        return self.failed(f"does not speak OpenAI's interface: {why}")

    def _refused(self, received: Received) -> EndpointFailed:
        status, said = received.status, _said(received.body)
        tail = f": {said}" if said else ""
        if 300 <= status < 400:
            there = _origin(received.headers.get("location", ""))
            return self.failed(
                f"redirects ({status}) to {there or 'another address'}, where rows are not sent; "
                "write the address that answers as base_url"
            )
        if status in (401, 403):
            return self.failed(f"refuses the key ({status}); check the variable of api_key")
        if status == 404:
            return self.failed(f"knows no model {self.model!r} (404); check model and base_url{tail}")
        if status == 429:
            return self.failed(f"is asked too often, or the account's quota is used up (429){tail}")
        if status == 400:
            return _BadRequest(str(self.failed(f"answers with 400{tail}")), said)
        return self.failed(f"answers with {status}{tail}")

    def _clean(self, text: str) -> str:
        """Text of theirs as it may be kept: without our key, and without half characters, which no file takes."""
        text = text.encode("utf-8", "replace").decode()
        if len(self._key) > 3:
            for form in (self._key, urllib.parse.quote(self._key, safe=""), json.dumps(self._key)[1:-1]):
                text = text.replace(form, MASK)
        return text


class _BadRequest(EndpointFailed):
    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


def _key(what: str, variable: str | None) -> str:
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise EndpointFailed(f"{what}: the environment variable {variable} is not set; export {variable}=…")
    if not (key.isascii() and key.isprintable()):
        raise EndpointFailed(
            f"{what}: the environment variable {variable} holds letters that no key has; export it again"
        )
    return key


def _wait(attempt: int, received: Received | None) -> float | None:
    """Seconds before it is asked again; None where the server wants more than anybody waits for."""
    asked = received.headers.get("retry-after", "") if received is not None else ""
    try:
        seconds = float(asked)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds <= LONGEST_WAIT:
        return seconds
    if seconds > LONGEST_WAIT:
        return None
    return min(8.0, 0.5 * 2.0**attempt) * random.uniform(0.75, 1.0)


def _json(body: bytes) -> Any:
    """None where it is not JSON in UTF-8, or nested beyond reason."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def _count(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
    return value if known and isinstance(value, int) else None


def _said(body: bytes) -> str:
    """What the server itself says of its refusal, in short."""
    found = _json(body)
    inner = found.get("error", found) if isinstance(found, dict) else found
    message = inner.get("message", inner.get("detail")) if isinstance(inner, dict) else inner
    if isinstance(message, str) and message.strip():
        return message[:300]
    return body[:300].decode("utf-8", "replace").strip()


def _cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)[:300] or type(error).__name__


def _origin(location: str) -> str:
    """Scheme and host of an address: the rest of it may hold secrets."""
    try:
        parts = urllib.parse.urlsplit(location)
        return (
            f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
            if parts.hostname
            else ""
        )
    except ValueError:
        return ""


def _without_user(url: str) -> str:
    """The address without the name and password that one may hold."""
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return url
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
