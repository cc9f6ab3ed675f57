"""A hold on the stand-in Hub: what to seed, what to break, what to look at afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub.state import Commit, Fault, Repo, Sent, State
from hub.steering import Steering


class Hub(Steering):
    def __init__(self, state: State) -> None:
        self.state = state
        self.endpoint = state.endpoint
        self.token = state.add_token("ada", "write")
        self.read_token = state.add_token("ada", "read")
        self.oauth_token = state.add_token("ada", "oauth")
        self.other_token = state.add_token("bob", "write")

    @property
    def requests(self) -> list[Sent]:
        return self.state.requests

    def repo(self, type: str, id: str) -> Repo:
        """Raises KeyError."""
        return self.state.repos[type, id]

    def read(self, type: str, id: str, path: str, revision: str = "main") -> bytes:
        """The bytes of a file of a repo. Raises KeyError."""
        commit = self.repo(type, id).commit(revision)
        assert commit is not None, f"{id} has no revision {revision}"
        return self.state.read(commit.files[path])

    def put(self, type: str, id: str, files: Mapping[str, bytes], **more: Any) -> Commit:
        """Seed a repo (made when it isn't there) with one commit; more: private, gated, sdk."""
        repo = self.state.repos.get((type, id)) or self.state.create(type, id, **more)
        return self.state.commit(repo, "seed", files)

    def fail(
        self,
        method: str,
        path: str,
        status: int | None = None,
        *,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
        message: str = "the stand-in Hub was told to fail",
        after_bytes: int | None = None,
        delay: float = 0.0,
        lost: bool = False,
    ) -> Fault:
        """The next `times` requests whose path matches fail: with this status; without one the connection is cut,
        at once or after so many bytes of the body (of the answer for a GET). Only a delay: late, then as usual.
        lost: what was asked for is done, but the connection breaks before the answer."""
        fault = Fault(
            method, re.compile(path), status, times, headers or {}, message, after_bytes, delay, lost
        )
        self.state.faults.append(fault)
        return fault

    def where(self, text: str) -> list[str]:
        """Where a text stands: in requests (apart from who sent them) and in files of repos, all commits of all."""
        from hub.search import where

        return where(self.state, text)


def environment(hub: Hub, home: Path, *, xet: bool = False) -> dict[str, str]:
    """What a process needs to take the stand-in for the Hub, logged in as ada."""
    return {
        "HF_ENDPOINT": hub.endpoint,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(home),
        # Without hf_xet large files go up by LFS, where one request carries one file: simpler to watch and to break.
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
