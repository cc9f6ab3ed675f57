"""What the runner writes into the run's folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hf_recipes.runner.files import FULL, now, update_state
from hf_recipes.runner.redaction import Redactor


class Journal:
    """Everything is redacted. A full disk loses log lines, not the verdict."""

    def __init__(self, run: Path, redact: Redactor) -> None:
        self.run, self.redact = run, redact
        self.disk_full = False
        self._reserve = run / ".reserve"
        self._torn: set[int] = set()
        with suppress(OSError):
            self._reserve.write_bytes(os.urandom(65_536))  # random: a compressing file system can't shrink it
        self._log = self._open("train.log")
        self._events = self._open("events.jsonl")

    def state(self, **changes: Any) -> None:
        if "message" in changes:
            changes["message"] = self.redact(changes["message"])
        for attempt in range(20):
            try:
                update_state(self.run, **changes)
                return
            except OSError as error:
                if error.errno not in FULL:
                    raise
                self.disk_full = True
                # Kept until now for this moment. Another process may take what is freed, so try for some seconds.
                self._reserve.unlink(missing_ok=True)
                time.sleep(0.5 if attempt else 0)

    def log(self, text: str) -> None:
        self._append(self._log, self.redact(text) + "\n")

    def event(self, stage: str, event: Mapping[str, object]) -> None:
        clean = {key: self.redact(value) if isinstance(value, str) else value for key, value in event.items()}
        line = json.dumps({"time": now(), "stage": stage, **clean}, ensure_ascii=False)
        self._append(self._events, line + "\n")

    def close(self) -> None:
        self._reserve.unlink(missing_ok=True)
        for descriptor in (self._log, self._events):
            if descriptor is not None:
                os.close(descriptor)

    def _open(self, name: str) -> int | None:
        try:
            return os.open(self.run / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.disk_full = True
            return None

    def _append(self, descriptor: int | None, text: str) -> None:
        if descriptor is None:
            return
        # After a write that the disk cut short, a new line begins: one event is lost then, not two.
        data = (("\n" if descriptor in self._torn else "") + text).encode(errors="replace")
        try:
            written = os.write(descriptor, data)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.disk_full = True
            return
        self._torn.discard(descriptor)
        if written < len(data):
            self._torn.add(descriptor)
