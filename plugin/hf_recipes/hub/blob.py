"""How git names a file's content: what the Hub tells of a file that is not stored as LFS."""

from __future__ import annotations

import hashlib


def blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
