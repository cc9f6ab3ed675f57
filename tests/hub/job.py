"""One Job: its spec as it came in, its stage, and the container that runs it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hub import hardware
from hub.processes import Container, Log, Machines
from hub.state import State, now

OVER = ("COMPLETED", "ERROR", "CANCELED", "DELETED")
HALF_AN_HOUR = 1800


class Job:
    """Tests read its fields and use `steer` and `wait`."""

    def __init__(self, state: State, owner: str, spec: Mapping[str, Any]) -> None:
        self._state, self.owner, self.spec = state, owner, spec
        self.machines: Machines = state.machines
        self.id = secrets.token_hex(12)
        self.stage, self.message = "SCHEDULING", None
        self.command: list[str] = [*spec.get("command", ()), *spec.get("arguments", ())]
        self.variables = {name: str(value) for name, value in (spec.get("environment") or {}).items()}
        self.secrets = {name: str(value) for name, value in (spec.get("secrets") or {}).items()}
        self.labels: dict[str, str] = dict(spec.get("labels") or {})
        self.flavor: str = spec.get("flavor") or "cpu-basic"
        self.timeout: float = spec.get("timeoutSeconds") or HALF_AN_HOUR
        self.exit_code: int | None = None
        self.created_at, self.started_at, self.finished_at = now(), None, None
        self.log = Log()
        self.container: Container | None = None

    # what a test does

    def steer(self, stage: str, message: str | None = None) -> None:
        """Put it in a stage, as the Hub might; what runs ends with a stage that is an end."""
        with self._state.lock:
            self.stage, self.message = stage, message
            if stage in OVER:
                self.finished_at = now()
                self._stop()

    def wait(self, *stages: str, seconds: float = 30.0) -> str:
        """Until it is in one of the stages, or at its end where none is named. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.stage not in (stages or OVER):
            if time.monotonic() > deadline:
                raise TimeoutError(f"job {self.id} is {self.stage}\n{self.log.text[-2000:]}")
            time.sleep(0.02)
        return self.stage

    # what the Hub does

    def start(self) -> None:
        if not self.machines.builds_hang:  # no machine of this flavor is free
            self.machines.spawn(self._run)

    def cancel(self) -> None:
        with self._state.lock:
            if self.stage not in OVER:
                self.steer("CANCELED")

    @property
    def over(self) -> bool:
        return self.stage in OVER

    def info(self) -> dict[str, Any]:
        owner = {"id": f"id-of-{self.owner}", "name": self.owner, "type": "user"}
        image = {name: self.spec[name] for name in ("dockerImage", "spaceId") if name in self.spec}
        return {
            "id": self.id,
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
            **image,
            "command": list(self.spec.get("command", ())),
            "arguments": list(self.spec.get("arguments", ())),
            "environment": self.variables,
            "secrets": dict.fromkeys(self.secrets, ""),  # their values never come back
            "flavor": self.flavor,
            "labels": self.labels,
            "volumes": self.spec.get("volumes"),
            "timeoutSeconds": self.timeout,
            "status": {"stage": self.stage, "message": self.message},
            "durations": self._durations(),
            "owner": owner,
            "initiator": {**owner, "type": "user"},
        }

    # inside

    def _durations(self) -> dict[str, int | None]:
        end = self.finished_at or now()
        waited = _seconds(self.created_at, self.started_at) if self.started_at else None
        ran = _seconds(self.started_at, end) if self.started_at else None
        return {"schedulingSecs": waited, "runningSecs": ran, "totalSecs": _seconds(self.created_at, end)}

    def _run(self) -> None:
        root = self.machines.new_folder()
        moved = self._mount(root)
        given = {name: (value, "image") for name, value in self.machines.image_of(root).items()}
        told = {"JOB_ID": self.id, "ACCELERATOR": self.flavor, **hardware.given(self.flavor)}
        given |= {name: (value, "hub") for name, value in told.items()}
        given |= {name: (moved(value), "variable") for name, value in self.variables.items()}
        given |= {name: (value, "secret") for name, value in self.secrets.items()}
        argv = tuple(moved(each) for each in self.command)
        with self._state.lock:
            if self.over or self.machines.closed:
                return
            self.stage, self.started_at = "RUNNING", now()
            self.log.write(f"===== Job started at {self.started_at} =====")
            try:
                self.container = container = self.machines.start(
                    "job",
                    self.id,
                    argv,
                    root,
                    given,
                    lambda line: self.log.write(line.rstrip("\n")),
                    self._ended,
                )
            except OSError as error:
                self.log.write(f"exec: {error}")
                self.exit_code = 128
                return self.steer("ERROR", "Job failed with exit code: 128. Reason: StartError")
        late = time.monotonic() + self.timeout
        while container.alive and not self.over:
            if time.monotonic() > late:
                return self.steer("ERROR", "Job timeout")
            time.sleep(0.05)

    def _mount(self, root: Path) -> Any:
        """Lay out its volumes under the container's folder; returns what turns a path in them into the real one."""
        from hub.buckets import contents

        mounts = {}
        for volume in self.spec.get("volumes") or ():
            place = root / volume["mountPath"].strip("/")
            place.mkdir(parents=True, exist_ok=True)
            for path, data in contents(self._state, volume):
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_bytes(data)
            mounts[volume["mountPath"].rstrip("/")] = str(place)

        def moved(text: str) -> str:
            for mount, place in mounts.items():
                text = re.sub(rf"^{re.escape(mount)}(?=/|$)", place, text)
            return text

        return moved

    def _stop(self) -> None:
        container, self.container = self.container, None
        if container:
            self.machines.spawn(container.stop, self.machines.grace)

    def _ended(self, code: int) -> None:
        with self._state.lock:
            if self.over:
                return
            self.container, self.exit_code, self.finished_at = None, code, now()
            self.stage = "ERROR" if code else "COMPLETED"
            self.message = f"Job failed with exit code: {code}. Reason: Error" if code else None


def _seconds(start: str, end: str) -> int:
    moments = [datetime.fromisoformat(each.replace("Z", "+00:00")) for each in (start, end)]
    return int((moments[1] - moments[0]).total_seconds())
