"""Where a text stands in all that the stand-in Hub was sent: for the tests that look for tokens."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from hub.state import State

GIVES_A_SECRET = re.compile(r"body of POST /api/(jobs/[\w-]+|repos/create|spaces/[\w.-]+/[\w.-]+/secrets)$")
"""Where a secret is handed over, as one."""


LARGE = 50_000_000
"""Bytes; larger files are weights."""


def leaks(state: State, secret: str) -> list[str]:
    """Where a secret stands and should not: anywhere but where it is handed over as one.

    Also in what containers have printed and written.
    """
    found = [place for place in where(state, secret) if not GIVES_A_SECRET.match(place)]
    printed = {f"Space {id}": space.build_log.text + space.run_log.text for id, space in state.spaces.items()}
    printed |= {f"HF Job {id}": job.log.text for id, job in state.jobs.items()}
    found += [f"log of the {what}" for what, text in printed.items() if secret in text]
    containers = (path for root in state.folder.glob("container-*") for path in files_with(root, secret))
    return [*found, *(f"file {path.relative_to(state.folder)}" for path in containers)]


def files_with(folder: Path, text: str) -> list[Path]:
    """The files in a folder, at any depth, that hold a text."""
    found = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # what still runs may take its files away
            if path.is_file() and path.stat().st_size < LARGE and text.encode() in path.read_bytes():
                found.append(path)
    return found


def where(state: State, text: str) -> list[str]:
    wanted = text.encode()
    found = []
    for sent in state.requests:
        line = f"{sent.method} {sent.path}"
        if text in unquote(sent.path) or text in unquote(sent.query):
            found.append(f"address of {line}")
        found += [
            f"header {key} of {line}"
            for key, value in sent.headers.items()
            if text in value and key != "authorization"
        ]
        if wanted in sent.body:
            found.append(f"body of {line}")
    for repo in state.repos.values():
        for commit in repo.commits.values():
            if text in commit.title + commit.message:
                found.append(f"message of {repo.type} {repo.id}@{commit.id[:7]}")
        held = {
            (path, file.sha256) for commit in repo.commits.values() for path, file in commit.files.items()
        }
        for path, sha256 in sorted(held):
            if text in path or wanted in _bytes(state.place(sha256)):
                found.append(f"file {path} of {repo.type} {repo.id}")
    return found


def _bytes(path: Path) -> bytes:
    """Nothing where the stand-in has been closed by the test itself: its files are gone then."""
    return path.read_bytes() if path.exists() else b""
