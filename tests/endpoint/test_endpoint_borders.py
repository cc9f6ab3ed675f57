"""What a server can do to whoever asks it: answer badly, without end, too much, elsewhere, or with what is a secret."""

from __future__ import annotations

import gzip
import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.endpoint import client as client_module
from hf_recipes.endpoint.client import Client, EndpointFailed
from hf_recipes.evaluation.answers import Answer, EvaluationFailed
from hf_recipes.evaluation.judge import RECORD, judge

KEY = "sk-" + "w3" * 12
QUESTION = [[{"role": "user", "content": "a row of ours"}]]


class Raw:
    """Sends the bytes it is given for each request, whatever they are; keeps the heads of what it was asked."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]]) -> None:
        self.heads: list[str] = []
        self._pieces, self._socket = pieces, socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += connection.recv(65536)
            self.heads.append(asked.split(b"\r\n\r\n")[0].decode())
            try:
                for piece in self._pieces():
                    connection.sendall(piece)
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Raw]]:
    started: list[Raw] = []

    def start(*pieces: bytes, forever: bytes = b"", pause: float = 0.0) -> Raw:
        def send() -> Iterator[bytes]:
            yield from pieces
            while forever:
                yield forever
                time.sleep(pause)

        started.append(Raw(send))
        return started[-1]

    yield start
    for one in started:
        one.close()


def http(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def reply(message: Any, **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": message, **more}], "usage": usage}


def saying(text: Any) -> bytes:
    return http(json.dumps(reply({"role": "assistant", "content": text})).encode())


def ask(server: Raw, api_key: str | None = None, tokens: int = 8) -> str:
    client = Client("evaluate.reference", server.url, "m", api_key)
    try:
        return client.chat(QUESTION, max_new_tokens=tokens)[0].text
    finally:
        client.close()


def refused(server: Raw, api_key: str | None = None) -> str:
    with pytest.raises(EndpointFailed) as failed:
        ask(server, api_key)
    assert "\n" not in str(failed.value) and str(failed.value).startswith("evaluate.reference: http")
    return str(failed.value)


BAD = {
    "invalid UTF-8": http(b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
    "no JSON": http(b"<html>busy</html>"),
    "an empty body": http(b""),
    "half a body": http(b'{"choices": [', Content_Length="400"),
    "nested beyond reason": http(b"[" * 200_000),
    "a number of a million digits": http(b'{"choices": ' + b"9" * 1_000_000 + b"}"),
    "no object": http(b"null"),
    "choices that are none": http(b'{"choices": {"0": 1}}'),
    "a choice that is null": http(b'{"choices": [null]}'),
    "a message that is null": http(json.dumps(reply(None)).encode()),
    "a message that is text": http(json.dumps(reply("hello")).encode()),
    "content that is a list": saying([{"type": "text", "text": "hello"}]),
    "content that is a number": saying(7),
    "what is packed and is not": http(b"hello", Content_Encoding="gzip"),
    "a packing nobody asked for": http(b"hello", Content_Encoding="br"),
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a status that is no number": b"HTTP/1.1 fine\r\n\r\n",
    "another status": http(b"", "204 No Content"),
    "a length that is none": http(b"{}", Content_Length="-5"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_server_that_answers_badly_is_one_sentence(
    name: str, serve: Callable[..., Raw], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the reference, so that the evaluation goes on without it, and of the judge."""
    monkeypatch.setattr(client_module, "RETRIES", 0)
    server = serve(BAD[name])
    assert refused(server)
    answers = [Answer(0, "an answer", "another", 1, 1, 0.1, "base:0")]
    with pytest.raises(EvaluationFailed, match=r"^judge: http") as failed:
        judge(answers, {0: QUESTION[0]}, {"base_url": server.url, "model": "m"}, tmp_path)  # type: ignore[dict-item]
    assert "\n" not in str(failed.value)


def test_a_proxy_is_not_asked_for_a_server_of_this_machine_neither_by_an_endpoint_nor_by_the_judge(
    serve: Callable[..., Raw], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(saying("the proxy"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert ask(serve(saying("an answer"))) == "an answer"
    server = serve(saying("A"))
    answers = [Answer(0, "an answer", "another", 1, 1, 0.1, "base:0")]
    judge(answers, {0: QUESTION[0]}, {"base_url": server.url, "model": "m"}, tmp_path)  # type: ignore[dict-item]
    assert proxy.heads == [] and len(server.heads) == 2  # in both orders


def test_an_answer_without_text_is_empty_and_half_a_character_can_be_written(
    serve: Callable[..., Raw],
) -> None:
    assert ask(serve(saying(None))) == ""
    ask(serve(saying("half \ud83d"))).encode()


@pytest.mark.parametrize(
    "begin",
    [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"],
    ids=["before the status", "in its headers", "in its body"],
)
def test_a_byte_now_and_then_is_ended_when_the_time_of_the_answer_is_over(
    begin: bytes, serve: Callable[..., Raw], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS", 1.0)
    started = time.monotonic()
    assert "has not answered within 1 s" in refused(serve(begin, forever=b"H", pause=0.1))
    assert time.monotonic() - started < 6


def test_a_server_that_answers_one_row_after_the_other_has_time_for_the_last(
    serve: Callable[..., Raw], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS", 2.0)
    server, turn = serve(), threading.Lock()

    def slowly() -> Iterator[bytes]:
        with turn:
            time.sleep(1.0)
        yield saying("hello")

    server._pieces = slowly
    client = Client("evaluate.server", server.url, "m")
    assert [one.text for one in client.chat(QUESTION * 5, at_once=5)] == ["hello"] * 5
    client.close()


def test_a_server_that_asks_to_wait_is_waited_for_no_longer_than_an_answer_may_take(
    serve: Callable[..., Raw], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SECONDS", 2.0)
    for seconds in ("30", "86400", "1e9", "nan", "-1"):
        started = time.monotonic()
        busy = json.dumps({"error": {"message": "come back"}}).encode()
        assert "(429): come back" in refused(serve(http(busy, "429 Busy", Retry_After=seconds)))
        assert time.monotonic() - started < 4


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_without_end_takes_no_memory(packed: bool, serve: Callable[..., Raw]) -> None:
    """0.8 GB of zeros as 0.8 MB of gzip, and as they are."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if packed:
        bomb = gzip.compress(b"\0" * 50_000_000) * 16
        server = serve(http(bomb, Content_Encoding="gzip"))
    else:
        server = serve(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", forever=b"\0" * 65536)
    before = max(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    assert "answers with more than 1 MiB" in refused(server)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_a_packed_answer_within_reason_is_read(serve: Callable[..., Raw]) -> None:
    body = gzip.compress(json.dumps(reply({"content": "hello"})).encode())
    assert ask(serve(http(body, Content_Encoding="gzip"))) == "hello"


def test_nothing_is_sent_that_was_meant_for_another_server(
    serve: Callable[..., Raw], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Team: value-of-mine")
    server = serve(saying("hello"))
    ask(server)
    [head] = server.heads
    assert "value-of" not in head
    sent = {line.split(":")[0].lower() for line in head.splitlines()[1:]}
    usual = {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
    }
    assert sent <= usual | {"connection"}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_a_row_does_not_go_where_a_server_points(status: str, serve: Callable[..., Raw]) -> None:
    other = serve(saying("hello"))
    there = other.url.replace("/v1", "/secret/path?with=query")
    said = refused(serve(http(b"", status, Location=there)))
    assert other.heads == []
    assert "redirects" in said and "base_url" in said
    assert other.url.removesuffix("/v1") in said and "secret" not in said


def test_a_key_that_is_repeated_is_neither_kept_nor_shown(
    serve: Callable[..., Raw], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    assert ask(serve(saying(f"you are Bearer {KEY}, A")), "MY_KEY") == "you are Bearer ***, A"
    answers = [Answer(0, "an answer", "another", 1, 1, 0.1, "base:0")]
    options = {"model": "m", "api_key": "MY_KEY"}
    for answered in (saying(f"who is {KEY}?"), http(f"<p>{KEY}</p>".encode(), "418 Teapot")):
        options["base_url"] = serve(answered).url
        with pytest.raises(EvaluationFailed) as failed:
            judge(answers, {0: QUESTION[0]}, options, tmp_path)  # type: ignore[dict-item]
        assert KEY not in str(failed.value) and "***" in str(failed.value)
    assert KEY not in (tmp_path / RECORD).read_text()


def test_a_password_in_the_address_is_not_shown(serve: Callable[..., Raw]) -> None:
    server = serve(http(b"", "418 Teapot"))
    client = Client("judge", server.url.replace("//", "//me:pa55word@"), "m")
    with pytest.raises(EndpointFailed) as failed:
        client.chat(QUESTION)
    client.close()
    assert "pa55word" not in str(failed.value)
