"""One Space: what it is set to, the stage it is in, and the container that runs it."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hub import dockerfile, hardware
from hub.processes import Container, Log, Machines, answers, free_port
from hub.state import Repo, State, now

LIVE = {"BUILDING", "APP_STARTING", "RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"}
TWO_DAYS = 48 * 3600
NO_FUNCTION = "No @spaces.GPU function detected during startup"
"""The Hub's own words."""


class Space:
    """Tests read its fields and use `steer`, `visit` and `wait`."""

    def __init__(self, state: State, repo: Repo, facts: Mapping[str, Any]) -> None:
        self._state, self.repo = state, repo
        self.machines: Machines = state.machines
        self.stage = "NO_APP_FILE"
        self.error: str | None = None
        self.exit_code: int | None = None
        self.hardware: str | None = None
        self.requested: str = facts.get("hardware") or "cpu-basic"
        self.sleep_time: int | None = facts.get("sleepTimeSeconds")
        self.secrets = {each["key"]: {**each, "updatedAt": now()} for each in facts.get("secrets") or ()}
        self.variables = {each["key"]: {**each, "updatedAt": now()} for each in facts.get("variables") or ()}
        self.build_log, self.run_log = Log(), Log()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.reported = False
        """Whether a page on ZeroGPU has said that it has a function for the GPU."""
        self.builds = 0
        self.container: Container | None = None
        self._runs = ""  # the commit that runs, or ran last
        self._before: Container | None = None  # it may still be ending
        self._visited = time.monotonic()

    @property
    def id(self) -> str:
        return self.repo.id

    # what a test does

    def steer(self, stage: str, error: str | None = None) -> None:
        """Put it in a stage, as its owner or the Hub might; what runs ends unless the stage is a live one."""
        with self._state.lock:
            self.builds += 1  # a build under way has nothing to say any more
            self.stage, self.error = stage, error
            if stage not in LIVE - {"BUILDING"}:
                self._stop()

    def visit(self) -> None:
        """Somebody opens the page: that puts off its sleep, and wakes it."""
        self._visited = time.monotonic()
        if self.stage == "SLEEPING":
            self.start()

    def wait(self, *stages: str, seconds: float = 30.0) -> str:
        """Until it is in one of the stages. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while self.stage not in stages:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.id} is {self.stage}, not {stages}\n{self.run_log.text[-2000:]}")
            time.sleep(0.02)
        return self.stage

    # what the Hub does

    def start(self) -> None:
        """Build the newest commit and run it, in place of what runs now."""
        with self._state.lock:
            self._stop()
            self.builds += 1
            self.stage, self.error, self.exit_code = "BUILDING", None, None
            self.build_log = Log()
            self.machines.spawn(self._build, self.builds)

    def pause(self) -> None:
        self.steer("PAUSED")

    def changed(self) -> None:
        """A setting changed: the Hub restarts what runs."""
        if self.stage in LIVE or self.stage == "RUNTIME_ERROR":
            self.start()

    def runtime(self) -> dict[str, Any]:
        asleep_after = self._sleeps_after()
        known = {
            "stage": self.stage,
            "hardware": {"current": self.hardware, "requested": self.requested},
            "storage": None,
            "gcTimeout": None if asleep_after == math.inf else asleep_after,
            "replicas": {"current": int(self.stage == "RUNNING"), "requested": 1},
            "devMode": False,
            "domains": [{"domain": self.url.removeprefix("http://"), "stage": "READY"}],
        }
        if self._runs:
            known["sha"] = self._runs
        return {**known, "errorMessage": self.error} if self.error else known

    def card(self) -> dict[str, Any] | None:
        """The front matter of its README; None when that has none."""
        import yaml

        found = re.match(r"---\s*\n(.*?)\n---", self._read("README.md"), re.DOTALL)
        try:
            card = yaml.safe_load(found[1]) if found else None
        except yaml.YAMLError:
            return None
        return card if isinstance(card, dict) else None

    # inside

    def _read(self, path: str) -> str:
        file = self.repo.files.get(path)
        return self._state.read(file).decode() if file else ""

    def _stop(self) -> None:
        container, self.container, self.hardware = self.container, None, None
        if container:
            self._before = container
            # In the background: the process that asks for its own pause gets the answer first, as from the Hub.
            self.machines.spawn(self._end, container)

    def _end(self, container: Container) -> None:
        time.sleep(0.2)
        container.stop(self.machines.grace)

    def _build(self, number: int) -> None:
        try:
            argv, environment, root = self._image()
        except dockerfile.BuildFailed as error:
            return self._settle(number, error.stage, str(error) or None)
        if self.machines.builds_hang:
            return
        if message := self.machines.builds_fail:
            self.build_log.write(f"{message}\n")
            message = f"Job failed with exit code: 1. Reason: {message}"
            return self._settle(number, "BUILD_ERROR", message)
        self._launch(number, argv, environment, root)

    def _settle(self, number: int, stage: str, message: str | None = None) -> None:
        with self._state.lock:
            if number == self.builds:
                self.stage, self.error = stage, message

    def _image(self) -> tuple[tuple[str, ...], dict[str, tuple[str, str]], Path]:
        """What to run, with which environment, in which folder. Raises BuildFailed."""
        self.build_log.write(f"===== Build Queued at {now()} / Commit SHA: {self._sha()[:7]} =====\n")
        card = self.card()
        if card is None and "README.md" in self.repo.files:
            raise dockerfile.BuildFailed("Missing configuration in README", "CONFIG_ERROR")
        sdk = (card or {}).get("sdk") or self.repo.sdk
        if self.secrets.keys() & self.variables.keys():
            raise dockerfile.BuildFailed("Collision on variables and secrets names", "CONFIG_ERROR")
        root = self.machines.new_folder()
        environment = {name: (value, "image") for name, value in self.machines.image_of(root).items()}
        if sdk == "docker":
            if "Dockerfile" not in self.repo.files:
                raise dockerfile.BuildFailed("", "NO_APP_FILE")
            base = {name: value for name, (value, _) in environment.items()}
            found = dockerfile.parse(self._read("Dockerfile"), base)
            for at, instruction in enumerate(found.instructions, 1):
                self.build_log.write(f"--> [{at}/{len(found.instructions)}] {instruction}\n")
            environment |= {name: (value, "dockerfile") for name, value in found.environment.items()}
            argv = found.command(str(root / "app"))
        elif sdk == "gradio":
            app_file = str((card or {}).get("app_file") or "app.py")
            if app_file not in self.repo.files:
                raise dockerfile.BuildFailed("", "NO_APP_FILE")
            python = self.machines.image.get("HF_RECIPES_INFERENCE_PYTHON", "python")
            argv = (python, app_file)
            environment |= {name: (value, "image") for name, value in GRADIO.items()}
            environment["GRADIO_SERVER_PORT"] = (str(self.port), "image")
        else:
            raise dockerfile.BuildFailed(f"the stand-in runs no Space of the sdk {sdk}", "CONFIG_ERROR")
        for name in ("PORT", "HF_RECIPES_PAGE_PORT"):
            environment[name] = (str(self.port), "image")
        for path, file in self.repo.files.items():
            place = root / "app" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(self._state.read(file))
        return argv, environment, root

    def _sha(self) -> str:
        commit = self.repo.commit()
        return commit.id if commit else ""

    def _given(self) -> dict[str, tuple[str, str]]:
        """What the Hub puts into the environment of a Space."""
        author, _, name = self.id.partition("/")
        told = {
            "SPACE_ID": self.id,
            "SPACE_AUTHOR_NAME": author,
            "SPACE_REPO_NAME": name,
            "SPACE_TITLE": str((self.card() or {}).get("title") or name),
            "SPACE_HOST": self.url.removeprefix("http://"),
            "SPACE_CREATOR_USER_ID": f"id-of-{author}",
            **hardware.given(self.requested),
            **self._zero(),
        }
        variables = {name: (str(each["value"]), "variable") for name, each in self.variables.items()}
        secrets = {name: (str(each["value"]), "secret") for name, each in self.secrets.items()}
        return {**{name: (value, "hub") for name, value in told.items()}, **variables, **secrets}

    def _zero(self) -> dict[str, str]:
        if self.requested != hardware.ZERO:
            return {}
        address = f"{self._state.endpoint}/zerogpu/{self.id}"
        return {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": address, "SYSTEM": "spaces"}

    def _launch(
        self, number: int, argv: tuple[str, ...], environment: Mapping[str, tuple[str, str]], root: Path
    ) -> None:
        if self._before:
            self._before.join()  # it holds the port
        with self._state.lock:
            if number != self.builds or self.machines.closed:
                return
            log = self.run_log = Log()
            log.write(f"===== Application Startup at {now()} =====\n")
            self.stage, self._visited = "APP_STARTING", time.monotonic()
            self._runs, self.reported = self._sha(), False
            try:
                self.container = container = self.machines.start(
                    "space", self.id, argv, root, {**environment, **self._given()}, log.write,
                    lambda code: self._ended(number, log, code),
                )  # fmt: skip
            except OSError as error:
                self.stage, self.exit_code = "RUNTIME_ERROR", 128
                self.error = f"Exit code: 128. Reason: failed to create containerd task: exec: {error}"
                return
            self.hardware = self.requested
        self._watch(number, container)

    def _watch(self, number: int, container: Container) -> None:
        """RUNNING once its port answers; asleep when nobody came for so long."""
        late = time.monotonic() + self.machines.launch_seconds
        while container.alive and number == self.builds:
            if self.stage == "APP_STARTING":
                if answers(self.port):
                    if self.requested == hardware.ZERO and not self.reported:
                        return self._give_up(number, NO_FUNCTION)
                    self._settle(number, "RUNNING")
                elif time.monotonic() > late:
                    words = f"{self.machines.launch_seconds / 60:.0f} min"
                    self._give_up(number, f"Launch timed out, workload was not healthy after {words}")
            elif time.monotonic() - self._visited > self._sleeps_after():
                return self.steer("SLEEPING")
            time.sleep(0.1)

    def _sleeps_after(self) -> float:
        if self.requested in ("cpu-basic", hardware.ZERO):
            return TWO_DAYS
        return self.sleep_time if self.sleep_time is not None and self.sleep_time >= 0 else math.inf

    def _give_up(self, number: int, message: str) -> None:
        with self._state.lock:
            if number == self.builds:
                self.steer("RUNTIME_ERROR", message)

    def _ended(self, number: int, log: Log, code: int) -> None:
        """A Space is there to serve: for the Hub its end is an error, whatever the exit code."""
        with self._state.lock:
            if number != self.builds or self.container is None:
                return
            self.container = self.hardware = None
            tail = "".join(text for _, text in log.lines[1:][-80:])[-2048:] if code else ""
            self.stage, self.exit_code = "RUNTIME_ERROR", code
            self.error = f"Exit code: {code}. Reason: {tail}".rstrip()


# What the image of a Gradio Space sets on the Hub; analytics off, for no test calls home. The Hub's SYSTEM=spaces comes
# with ZeroGPU alone: with it gradio asks for the package `spaces`, which the Hub's image has and our environment has not.
GRADIO = {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_ANALYTICS_ENABLED": "False"}
