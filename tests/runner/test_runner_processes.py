"""Nothing that a run has started outlives it, whatever ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

import hf_recipes
from hf_recipes import record
from hf_recipes.backends import local
from hf_recipes.record.state import State
from hf_recipes.runner import processes as processes_of_runner
from hf_recipes.runner.children import Children

MakeStep = Callable[..., Any]

# A launcher, a trainer that ignores being asked to end, a worker in a session of its own, an orphan that has lost its parent.
FAMILY = """
import signal, subprocess
code = '''
import os, signal, subprocess, sys, time
kind = sys.argv[1]
if kind == 'parent-of-orphan':
    subprocess.Popen([sys.executable, '-c', sys.argv[2], 'orphan', ''], start_new_session=True)
    sys.exit()
if kind != 'worker':
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(kind + '.pid', 'w').write(str(os.getpid()))
time.sleep(120)
'''
for kind in ('trainer', 'worker', 'parent-of-orphan'):
    subprocess.Popen([sys.executable, '-c', code, kind, code], start_new_session=kind == 'worker')
open('launcher.pid', 'w').write(str(os.getpid()))
time.sleep(120)
"""


def family(run: Path) -> list[psutil.Process]:
    """The processes of FAMILY, once all are there."""
    deadline = time.monotonic() + 20
    names = ("launcher", "trainer", "worker", "orphan")
    while time.monotonic() < deadline:
        texts = [path.read_text() for name in names if (path := run / "work" / f"{name}.pid").exists()]
        if len(texts) == 4 and all(texts):
            return [psutil.Process(int(text)) for text in texts]
        time.sleep(0.05)
    pytest.fail("the processes did not start: " + (run / "train.log").read_text())


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [
        process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    ]


def gone_within(processes: list[psutil.Process], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while living(processes) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living(processes)


def helpers(run: Path) -> list[psutil.Process]:
    """The runner and the guard of a run."""
    return [
        process
        for process in psutil.process_iter()
        if str(run) in _command(process)
        and any(name in str(_command(process)) for name in ("run.py", "guard.py"))
    ]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_cancel_leaves_no_process(make_run: Any, make_step: MakeStep, start: Any) -> None:
    run = make_run(make_step("train", FAMILY))
    start(run)
    processes = family(run)
    state = local.cancel(run)
    assert (state.state, state.reason) == (State.CANCELLED, "cancelled")
    assert not living(processes)
    assert gone_within(helpers(run), 3)
    assert local.cancel(run) == state, "cancelling again changes nothing"


def test_without_proc_too(
    make_run: Any, make_step: MakeStep, start: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    """As on macOS, where only `ps` tells of processes."""
    monkeypatch.setattr(processes_of_runner, "LINUX", False)
    package = Path(hf_recipes.__file__).parent
    # The fixture `start` gives tmp_path as the package.
    shutil.copytree(package / "runner", tmp_path / "hf_recipes" / "runner")
    shutil.copy(package / "__init__.py", tmp_path / "hf_recipes")
    copy = tmp_path / "hf_recipes" / "runner" / "processes.py"
    source = copy.read_text()
    copy.write_text(source.replace('LINUX: bool = sys.platform.startswith("linux")', "LINUX: bool = False"))
    assert copy.read_text() != source
    monkeypatch.setattr(local.runner, "__file__", str(copy.with_name("run.py")))
    code = """
import subprocess
children = [subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=own) for own in (True, False)]
open('pids.tmp', 'w').write(' '.join(str(child.pid) for child in children))
os.rename('pids.tmp', 'pids')
time.sleep(60)
"""
    for end in ("cancel", "kill"):
        run = make_run(make_step("train", code))
        handle = start(run)
        while not (run / "work" / "pids").exists():
            time.sleep(0.05)
        in_another_session, in_ours = (
            psutil.Process(int(pid)) for pid in (run / "work" / "pids").read_text().split()
        )
        assert local.alive(handle)
        if end == "cancel":
            assert local.cancel(run).state is State.CANCELLED
            assert not living([in_another_session, in_ours])
        else:
            os.kill(int(str(handle["pid"])), signal.SIGKILL)
            assert gone_within([in_ours], 5)
            in_another_session.kill()  # beyond what the guard can find there
            assert record.read_state(run).reason == "runner_vanished"


def test_without_proc_a_process_is_known_again_in_another_time_zone(monkeypatch: Any) -> None:
    monkeypatch.setattr(processes_of_runner, "LINUX", False)
    monkeypatch.setenv("TZ", "America/New_York")
    there = processes_of_runner.process_started(os.getpid())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert there and processes_of_runner.process_started(os.getpid()) == there


def test_ctrl_c_at_the_runner_cancels(make_run: Any, make_step: MakeStep, start: Any) -> None:
    run = make_run(make_step("train", "time.sleep(60)"), make_step("verify", "open('late', 'w')"))
    handle = start(run)
    os.kill(int(str(handle["pid"])), signal.SIGINT)
    *_, (state, _) = record.watch(run)
    assert state.state is State.CANCELLED and not (run / "work" / "late").exists()


def test_a_runner_killed_with_9_takes_its_children_along(
    make_run: Any, make_step: MakeStep, start: Any
) -> None:
    run = make_run(make_step("train", FAMILY))
    handle = start(run)
    processes = family(run)
    os.kill(int(str(handle["pid"])), signal.SIGKILL)
    assert gone_within(processes, 5)
    assert gone_within(helpers(run), 5)
    state = record.read_state(run)
    assert (state.state, state.reason, state.stage) == (State.FAILED, "runner_vanished", "train")
    assert str(run / "train.log") in state.message


def test_a_program_that_measures_a_run_keeps_its_other_children(make_run: Any) -> None:
    run = make_run()
    mine = subprocess.Popen(["sleep", "60"])
    children = Children(run, shared=True)
    stray = "import subprocess, sys; subprocess.Popen(['sleep', '61'], start_new_session=True)"
    environment = {**os.environ, processes_of_runner.MARK: str(run)}
    children.start([sys.executable, "-c", stray], environment).wait(20)
    (left,) = processes_of_runner.marked(run)
    assert psutil.Process(left).cmdline() == ["sleep", "61"]
    children.finish()
    children.dismiss_guard()
    assert not processes_of_runner.marked(run)
    assert mine.poll() is None
    mine.kill()
    mine.wait()


def test_what_a_step_leaves_running_ends_with_the_step(outcome: Any, make_step: MakeStep) -> None:
    code = """
import subprocess
left = subprocess.Popen([sys.executable, '-c', "while True: print('still here')"], start_new_session=True)
open('left.pid', 'w').write(str(left.pid))
"""
    run, state = outcome(make_step("prepare", code))
    assert state.state is State.SUCCEEDED
    assert not psutil.pid_exists(int((run / "work" / "left.pid").read_text()))


STARTER = """
import sys, time
from pathlib import Path
from hf_recipes.backends import local
local.start(Path(sys.argv[1]), pythons={}, attached=sys.argv[2] == 'attached', package=Path('.'))
print('started', flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(("how", "outlives"), [("attached", False), ("detached", True)])
def test_a_killed_parent(make_run: Any, make_step: MakeStep, how: str, outlives: bool) -> None:
    run = make_run(make_step("train", "print('here')\ntime.sleep(60)"))
    parent = subprocess.Popen([sys.executable, "-c", STARTER, str(run), how], stdout=subprocess.PIPE)
    assert parent.stdout is not None and parent.stdout.readline() == b"started\n"
    helping = helpers(run)
    assert len(helping) >= 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if outlives:
        time.sleep(1)
        assert record.read_state(run).state is State.RUNNING
        local.cancel(run)
    *_, (state, _) = record.watch(run)
    assert (state.state, state.reason) == (
        (State.CANCELLED, "cancelled") if outlives else (State.FAILED, "runner_vanished")
    )
    assert ("program that had started" in state.message) is not outlives
    assert gone_within(helping, 3)


def test_two_runners_of_one_run(make_run: Any, make_step: MakeStep, start: Any) -> None:
    run = make_run(
        make_step("train", "open('times', 'a').write('x')\ntime.sleep(1)\nweights('tiny/model.safetensors')")
    )
    start(run)
    second = subprocess.Popen(
        [sys.executable, local.runner.__file__, str(run)], stderr=subprocess.PIPE, text=True
    )
    _, said = second.communicate(timeout=20)
    assert second.returncode == 2 and "not queued any more" in said
    assert (run / "work" / "times").read_text() == "x"
    assert record.read_state(run).state is State.SUCCEEDED
