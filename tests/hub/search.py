"""Where a text stands in all that the stand-in Hub was sent: for the tests that look for tokens."""

from __future__ import annotations

from urllib.parse import unquote

from hub.state import State


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
            if text in path or wanted in state.place(sha256).read_bytes():
                found.append(f"file {path} of {repo.type} {repo.id}")
    return found
