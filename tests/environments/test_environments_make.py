"""An environment is whole or not there, made once, and made again when it is broken."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event

import psutil
import pytest

from hf_recipes.environments import EnvironmentFailed, cache_dir
from hf_recipes.environments.make import ensure_set, ready_set
from hf_recipes.environments.sets import RequirementSet

Tiny = Callable[[str], RequirementSet]
Maker = Callable[[RequirementSet], "subprocess.Popen[str]"]


def version_in(python: Path) -> str:
    command = [str(python), "-c", "import tinyone; print(tinyone.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def folders() -> list[str]:
    return sorted(path.name for path in (cache_dir() / "environments").iterdir() if path.is_dir())


@pytest.mark.usefixtures("offline")
def test_made_once_with_word_then_used_as_it_is_in_silence(tiny: Tiny) -> None:
    requirements = tiny("tinyone==1.0\n")
    assert ready_set(requirements) is None
    said: list[str] = []
    python = ensure_set(requirements, say=said.append)
    assert version_in(python) == "1.0"
    assert any("making the tiny environment" in line for line in said)
    assert any("1 packages in" in line for line in said)
    made = python.lstat().st_mtime_ns
    said.clear()
    assert ensure_set(requirements, say=said.append) == python == ready_set(requirements)
    assert not said and python.lstat().st_mtime_ns == made


@pytest.mark.usefixtures("offline")
def test_the_interpreter_knows_the_place_it_was_moved_to(tiny: Tiny) -> None:
    python = ensure_set(tiny("tinyone==1.0\n"), say=print)
    prefix = subprocess.run(
        [str(python), "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True
    )
    assert Path(prefix.stdout.strip()) == python.parents[1]


@pytest.mark.usefixtures("offline")
def test_other_requirements_are_another_environment(tiny: Tiny) -> None:
    first = ensure_set(tiny("tinyone==1.0\n"), say=print)
    second = ensure_set(tiny("tinyone==2.0\n"), say=print)
    assert (version_in(first), version_in(second)) == ("1.0", "2.0")


def _lose_a_module(environment: Path) -> None:
    next(environment.glob("lib/python3.*/site-packages/tinyone/__init__.py")).unlink()


def _break_the_interpreter(environment: Path) -> None:
    # Replaced, not written to: it is a link to this machine's own Python.
    (environment / "bin" / "python").unlink()
    (environment / "bin" / "python").write_text("")


def _lose_the_state(environment: Path) -> None:
    (environment / "hf-recipes.json").unlink()


def _garble_the_state(environment: Path) -> None:
    (environment / "hf-recipes.json").write_text('{"name": "tiny"')


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("harm", [_lose_a_module, _break_the_interpreter, _lose_the_state, _garble_the_state])
def test_a_broken_one_is_noticed_and_made_again(harm: Callable[[Path], None], tiny: Tiny) -> None:
    requirements = tiny("tinyone==1.0\n")
    python = ensure_set(requirements, say=print)
    harm(python.parents[1])
    assert ready_set(requirements) is None
    said: list[str] = []
    assert version_in(ensure_set(requirements, say=said.append)) == "1.0"
    assert any("again, since it is broken" in line for line in said)
    assert len(folders()) == 1


@pytest.mark.usefixtures("offline")
def test_two_at_once_make_one(tiny: Tiny, maker: Maker) -> None:
    requirements = tiny("tinyone==1.0\n")
    both = [maker(requirements), maker(requirements)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    said = "".join(output for output, _ in outputs)
    assert said.count("made the tiny environment") == 1
    assert {output.splitlines()[-1] for output, _ in outputs} == {str(ready_set(requirements))}


@pytest.mark.usefixtures("offline")
def test_what_cannot_be_installed_is_said_in_one_line_and_leaves_nothing(tiny: Tiny) -> None:
    with pytest.raises(EnvironmentFailed) as failure:
        ensure_set(tiny("tinyone==9.9\n"), say=print)
    message = str(failure.value)
    assert (
        "making the tiny environment failed" in message and "tinyone==9.9" in message and "\n" not in message
    )
    assert folders() == []


def test_a_password_in_an_index_is_not_repeated(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://someone:s3cretword@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    said: list[str] = []
    with pytest.raises(EnvironmentFailed) as failure:
        ensure_set(tiny("tinyone==1.0\n"), say=said.append)
    assert "127.0.0.1:9" in str(failure.value)
    assert "s3cretword" not in str(failure.value) + "".join(said)


def test_a_cache_that_cannot_be_written_is_said_with_what_to_do(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(EnvironmentFailed, match="HF_RECIPES_HOME"):
        ensure_set(tiny("tinyone==1.0\n"), say=print)


@pytest.mark.usefixtures("offline")
def test_who_stops_listening_is_not_told_that_the_cache_is_at_fault(tiny: Tiny) -> None:
    """As in `hf-recipes run … 2>&1 | head -1`."""

    def gone(text: str) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        ensure_set(tiny("tinyone==1.0\n"), say=gone)
    assert folders() == []


def test_ctrl_c_ends_uv_and_leaves_nothing(tiny: Tiny, maker: Maker, hanging_index: Event) -> None:
    process = maker(tiny("tinyone==1.0\n"))
    assert hanging_index.wait(60)
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("uv" in child.name() for child in children)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode and "KeyboardInterrupt" in error
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert gone and not alive
    assert folders() == []


def test_what_a_killed_try_left_is_cleared_by_the_next(
    tiny: Tiny, maker: Maker, hanging_index: Event, monkeypatch: pytest.MonkeyPatch, wheels: Path
) -> None:
    requirements = tiny("tinyone==1.0\n")
    process = maker(requirements)
    assert hanging_index.wait(60)
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    for child in children:
        child.kill()
    process.communicate(timeout=30)
    assert len(folders()) == 1 and ready_set(requirements) is None
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_OFFLINE", "1")
    python = ensure_set(requirements, say=print)
    assert version_in(python) == "1.0" and folders() == [python.parents[1].name]
