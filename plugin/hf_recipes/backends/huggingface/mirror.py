"""The container's side of the runs repo: what the run has become, one commit at a time, without a secret."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.backends.huggingface.private_repo import commit_once
from hf_recipes.hub.errors import hub_errors
from hf_recipes.record.job import load_job
from hf_recipes.record.state import State
from hf_recipes.runner.redaction import Redactor

if TYPE_CHECKING:
    from huggingface_hub import HfApi

GROWING = ("events.jsonl", "train.log")
FOLDERS = ("report", "answers")
SENT_MEANWHILE, SENT_AT_LAST = 2 * 1024**2, 9 * 1024**2
"""Bytes of the end of a growing file. The Hub keeps every version, and takes text of up to 10 MB as it is."""


class Mirror:
    """Mirrors one run into its folder of the runs repo."""

    def __init__(self, run: Path, repo: str, client: HfApi) -> None:
        self._run, self._repo, self._client = run, repo, client
        self._redact = Redactor(load_job(run).secrets, os.environ)
        self._sent: dict[str, str] = {}

    def send(self, state: Mapping[str, Any], *, last: bool = False) -> bool:
        """Write the given state, and what has changed of the rest, in one commit; says whether there was anything to write.

        One try. Reports and answers go when they are whole: with the `last` one. Raises HubFailed.

        A container that is told to end sees no reason: it may be cancelled, paused, asleep or out of time. So `cancelled` is not
        written from there: whoever cancels a run does (hf_recipes.backends.huggingface.monitor), and the rest is seen from outside.
        """
        files = {}
        if state["state"] != State.CANCELLED.value:
            files["state.json"] = self._clean(json.dumps(state, indent=1, ensure_ascii=False))
        for name in GROWING:
            if (self._run / name).is_file():
                files[name] = self._end_of(self._run / name, SENT_AT_LAST if last else SENT_MEANWHILE)
        for path in self._whole() if last else ():
            files[path.relative_to(self._run).as_posix()] = self._clean(path.read_text("utf-8", "replace"))
        digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        changed = {
            f"{self._run.name}/{name}": data
            for name, data in files.items()
            if self._sent.get(name) != digests[name]
        }
        if not changed:
            return False
        with hub_errors(f"writing to {self._repo}"):
            commit_once(self._client, self._repo, changed, f"{self._run.name}: {state['state']}")
        self._sent.update(digests)
        return True

    def _whole(self) -> list[Path]:
        found = (path for folder in FOLDERS for path in sorted((self._run / folder).rglob("*")))
        return [path for path in found if path.is_file() and not path.name.startswith(".")]

    def _end_of(self, path: Path, limit: int) -> bytes:
        """At most so many bytes, from the beginning of a line on."""
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            data = file.read(limit)
        if size > limit:
            data = data[data.find(b"\n") + 1 :]
        return self._clean(data.decode("utf-8", "replace"))

    def _clean(self, text: str) -> bytes:
        return self._redact(text).encode("utf-8", "replace")
