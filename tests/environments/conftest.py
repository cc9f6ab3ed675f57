"""Tiny requirement sets out of wheels made here: real uv, real environments, no network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hf_recipes.environments import pip_settings
from hf_recipes.environments.sets import RequirementSet

KEPT = ("UV_CACHE_DIR", "PIP_CONFIG_FILE", "HF_RECIPES_HOME")

# Makes the set whose requirements are in the file argv[1], telling on stdout, in a process of its own.
MAKER = """
import sys
from pathlib import Path
from hf_recipes.environments.make import ensure_set
from hf_recipes.environments.sets import RequirementSet
tiny = RequirementSet("tiny", (Path(sys.argv[1]),), (), (), "TINY_PYTHON")
print(ensure_set(tiny, say=lambda text: print(text, flush=True)))
"""


def write_wheel(folder: Path, name: str, version: str) -> None:
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        write_wheel(folder, "tinyone", version)
    return folder


@pytest.fixture(autouse=True)
def alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A cache of the test's own and, except where a registry is needed, none of this machine's pip or uv settings."""
    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path / "home"))
    if request.node.get_closest_marker("e2e") is None:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        for name in [*os.environ]:
            if name.startswith(("PIP_", "UV_", "HF_RECIPES_")) and name not in KEPT:
                monkeypatch.delenv(name)
    pip_settings.pip_settings.cache_clear()
    yield
    pip_settings.pip_settings.cache_clear()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, wheels: Path) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_OFFLINE", "1")


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[[str], RequirementSet]:
    def make(requirements: str) -> RequirementSet:
        path = tmp_path / "requirements.txt"
        path.write_text(requirements, encoding="utf-8")
        return RequirementSet("tiny", (path,), (), (), "TINY_PYTHON")

    return make


@pytest.fixture
def maker() -> Iterator[Callable[[RequirementSet], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(requirements: RequirementSet) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", MAKER, str(requirements.requirements[0])]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def hanging_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A package index that takes a question and never answers; set once it was asked."""
    asked = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    kept: list[socket.socket] = []

    def listen() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            asked.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
    yield asked
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    for connection in kept:
        connection.close()
    thread.join(5)
