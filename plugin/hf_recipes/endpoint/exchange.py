"""One request to a third-party server and its whole answer, limited in bytes and memory."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MIB = 1024 * 1024


class UnusableAnswer(Exception):
    """The server answered with something that is not read; the message ends the sentence that its address begins."""


@dataclass(frozen=True)
class Received:
    status: int
    headers: Mapping[str, str]
    """Their names in lower case."""
    body: bytes


async def exchange(client: Any, url: str, headers: Mapping[str, str], body: bytes, *, room: int) -> Received:
    """POST the body. `room` bytes is what the answer may have, as sent and unpacked. Raises UnusableAnswer, httpx2's errors."""
    async with client.stream("POST", url, headers=dict(headers), content=body) as response:
        raw = bytearray()
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) > room:
                raise _too_much(room)
        found = {name.lower(): value for name, value in response.headers.items()}
        return Received(response.status_code, found, _unpacked(bytes(raw), found, room))


def _unpacked(raw: bytes, headers: Mapping[str, str], room: int) -> bytes:
    """Plain bytes are asked for, but some servers pack all the same."""
    packing = headers.get("content-encoding", "identity").strip().lower()
    if packing in ("", "identity"):
        return raw
    if packing not in ("gzip", "x-gzip", "deflate"):
        raise UnusableAnswer(f"packs its answer as {packing[:20]!r}, though it was asked not to pack it")
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by their first bytes
    try:
        plain = unpacker.decompress(raw, room + 1)
    except zlib.error:
        raise UnusableAnswer(f"says that its answer is packed as {packing}, and it is not") from None
    if len(plain) > room:
        raise _too_much(room)
    return plain


def _too_much(room: int) -> UnusableAnswer:
    return UnusableAnswer(
        f"answers with more than {room / MIB:.0f} MiB, which no answer to this question has"
    )
