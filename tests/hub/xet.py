"""The two binary formats in which hf_xet uploads: xorbs (chunks of content) and shards (which chunks make which file).

After the Xet protocol's specification (huggingface.co/docs/xet); only what an upload of new content holds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

ENTRY = 48  # bytes of every record in a shard
VERIFIED = 1 << 31  # flags of a file's record: what follows its terms
HAS_SHA256 = 1 << 30
BOOKEND = b"\xff" * 32


def chunks(xorb: bytes) -> list[bytes]:
    """Each with a header of 8 bytes: version, size as stored (3), how it is compressed, size (3)."""
    import pyarrow

    found, at = [], 0
    while at + 8 <= len(xorb) and xorb[at] == 0:
        stored = int.from_bytes(xorb[at + 1 : at + 4], "little")
        scheme = xorb[at + 4]
        size = int.from_bytes(xorb[at + 5 : at + 8], "little")
        data = xorb[at + 8 : at + 8 + stored]
        if scheme:
            data = pyarrow.decompress(data, decompressed_size=size, codec="lz4", asbytes=True)
        found.append(ungrouped(data) if scheme == 2 else data)
        at += 8 + stored
    return found


def ungrouped(data: bytes) -> bytes:
    """Scheme 2 first sorts the bytes by their place in words of four."""
    whole, at = bytearray(len(data)), 0
    for place in range(4):
        size = len(range(place, len(data), 4))
        whole[place::4] = data[at : at + size]
        at += size
    return bytes(whole)


def files(shard: bytes) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    """(hash of a file, its terms: a xorb and the chunks of it from, to)."""
    at = ENTRY  # after the header
    while shard[at : at + 32] != BOOKEND:
        hash, flags, count = struct.unpack_from("<32sII", shard, at)
        at += ENTRY
        terms = []
        for each in range(count):
            xorb, _, _, start, end = struct.unpack_from("<32sIIII", shard, at + each * ENTRY)
            terms.append((text(xorb), start, end))
        yield text(hash), terms
        at += ENTRY * (count + (count if flags & VERIFIED else 0) + bool(flags & HAS_SHA256))


def text(hash: bytes) -> str:
    """As four little-endian words, not byte by byte."""
    return "".join(f"{word:016x}" for word in struct.unpack("<4Q", hash))
