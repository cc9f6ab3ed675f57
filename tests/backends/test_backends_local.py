"""This machine as a backend: what it has, and runs as processes on it."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hf_recipes import record
from hf_recipes.backends import local
from hf_recipes.record.state import State

SLEEP = "time.sleep(60)"


def test_a_machine_has_what_the_system_says_and_no_more() -> None:
    here = local.machine()
    assert 1 <= here.cores <= len(psutil.Process().cpu_affinity() or range(os.cpu_count() or 1))
    assert 100 << 20 < here.memory <= psutil.virtual_memory().total


def test_a_container_s_limits_count(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("hf_recipes.backends.machine.CGROUPS", tmp_path)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "memory").mkdir()
    for folder in (
        tmp_path,
        tmp_path / "cpu",
        tmp_path / "memory",
    ):  # version 2, or 1: whichever this system has
        (folder / "cpu.max").write_text("50000 100000")
        (folder / "memory.max").write_text("max\n")
        (folder / "memory.limit_in_bytes").write_text(str(1 << 30))
    here = local.machine()
    assert here.cores == 1
    if sys.platform.startswith("linux"):
        assert here.memory == 1 << 30


def test_gpus_as_nvidia_smi_lists_them(tmp_path: Path, monkeypatch: Any) -> None:
    smi = tmp_path / "nvidia-smi"
    smi.write_text(
        f"#!/bin/sh\necho asked >> {tmp_path}/asked\n"
        "echo '0, GPU-aa, 81559, NVIDIA H100 80GB HBM3'\necho '1, GPU-bb, [N/A], NVIDIA GB10, odd'\n"
    )
    smi.chmod(smi.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    first, second = local.machine().gpus
    assert (first.name, first.memory) == ("NVIDIA H100 80GB HBM3", 81559 << 20)
    assert second.name == "NVIDIA GB10, odd" and second.memory > 0
    for visible, names in (("", []), ("-1", []), ("1", [second.name]), ("GPU-aa", [first.name])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert [gpu.name for gpu in local.machine().gpus] == names
    assert (tmp_path / "asked").read_text().split() == ["asked"], "once, however often a command asks"
    broken = tmp_path / "broken" / "nvidia-smi"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    broken.chmod(smi.stat().st_mode)
    monkeypatch.setenv("PATH", f"{broken.parent}{os.pathsep}{os.environ['PATH']}")
    assert local.machine().gpus == ()


def test_a_handle_finds_its_runner_and_no_other_process(
    make_run: Any, make_step: Callable[..., Any], start: Any
) -> None:
    run = make_run(make_step("prepare", SLEEP))
    handle = start(run, attached=True)
    assert set(handle) == {"pid", "started"} and local.alive(handle)
    assert psutil.Process(int(str(handle["pid"]))).cmdline()[1].endswith("run.py")
    assert not local.alive({**handle, "started": "another time"}), "its pid, given to another process"
    assert record.read_state(run).handle == handle
    assert local.cancel(run).state is State.CANCELLED
    assert not local.alive(handle)


def test_a_recycled_pid_is_never_signalled(make_run: Any, make_step: Callable[..., Any]) -> None:
    from hf_recipes.runner.files import update_state

    bystander = psutil.Popen([sys.executable, "-c", SLEEP.replace("time", "__import__('time')", 1)])
    try:
        run = make_run(make_step("prepare", ""))
        update_state(run, state="running", handle={"pid": bystander.pid, "started": "1"})
        assert local.cancel(run).reason == "runner_vanished"
        time.sleep(0.2)
        assert bystander.poll() is None
    finally:
        bystander.kill()


def test_a_queued_run_can_be_cancelled_and_is_not_started_then(
    make_run: Any, make_step: Callable[..., Any], start: Any
) -> None:
    run = make_run(make_step("prepare", "open('began', 'w')"))
    assert local.cancel(run).state is State.CANCELLED
    start(run)
    assert record.read_state(run).message == "cancelled before it began"
    assert not (run / "work" / "began").exists()


def test_cancel_need_not_wait(make_run: Any, make_step: Callable[..., Any], start: Any) -> None:
    run = make_run(make_step("prepare", SLEEP))
    start(run)
    local.cancel(run, wait=False)
    *_, (state, _) = record.watch(run)
    assert state.state is State.CANCELLED


@pytest.mark.parametrize("attached", [True, False])
def test_giving_up_while_a_run_starts_leaves_none(
    make_run: Any, make_step: Any, monkeypatch: Any, tmp_path: Path, attached: bool
) -> None:
    """Ctrl-C at that moment."""
    run = make_run(make_step("prepare", SLEEP))
    started: list[Any] = []

    def interrupted(run: Path, process: Any) -> None:
        started.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "_wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        local.start(run, pythons={}, attached=attached, package=tmp_path)
    started[0].wait(10)
    record.end(run, State.CANCELLED, record.Reason.CANCELLED, "cancelled")
    assert record.read_state(run).state is State.CANCELLED
