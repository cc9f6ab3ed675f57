"""What surrounds a run: the environment that its children get, and what the system says of a killed one."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.runner import causes
from hf_recipes.runner.causes import Cause
from hf_recipes.runner.environment import child_environment
from hf_recipes.runner.memory_kills import memory_kills

ODD = {
    "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error", "PYTHONSTARTUP": "/nowhere.py", "PYTHONHOME": "/nowhere", "PYTHONPATH": "/nowhere",
    "PYTHONINSPECT": "1", "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "10.0.0.1", "ACCELERATE_USE_DEEPSPEED": "true",
    "TQDM_DISABLE": "1",
}  # fmt: skip


def test_what_changes_an_interpreter_or_a_training_is_not_handed_on() -> None:
    kept = {"PATH": "/bin", "HF_HOME": "/cache", "CUDA_VISIBLE_DEVICES": "0", "PYTHONPYCACHEPREFIX": "/cache"}
    assert child_environment({**ODD, **kept}) == kept


def test_a_run_trains_whatever_the_shell_has_set_for_python(
    outcome: Callable[..., tuple[Path, Any]],
    make_step: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("PYTHONOPTIMIZE", "PYTHONWARNINGS", "RANK", "WORLD_SIZE"):
        monkeypatch.setenv(name, ODD[name])
    code = """
import warnings
warnings.warn('old', DeprecationWarning)
assert sys.flags.optimize == 0 and 'RANK' not in os.environ and json.loads.__doc__, 'told: another interpreter'
json.dump(sys.flags.optimize, open('seen.json', 'w'))
"""
    run, state = outcome(
        make_step("prepare", code), make_step("train", "weights('tiny/model.safetensors')", "autotrain")
    )
    assert state.state.value == "succeeded", state.message
    assert json.loads((run / "work" / "seen.json").read_text()) == 0


def system(
    root: Path, cgroup: str, files: dict[str, str], vmstat: str = "pgfault 7\noom_kill 3\n"
) -> dict[str, int]:
    """What is counted on a system with these files below /sys/fs/cgroup."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(cgroup)
    (root / "proc" / "vmstat").write_text(vmstat)
    for name, text in files.items():
        (root / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "cgroup" / name).write_text(text)
    return memory_kills(root / "cgroup", root / "proc")


EVENTS = "low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n"
CONTROL = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "group"),
    [
        ("0::/user/run\n", {"user/run/memory.events": EVENTS, "memory.events": "oom_kill 9\n"}, 2),
        ("0::/docker/not-here\n", {"memory.events": EVENTS}, 2),
        ("5:cpu:/\n4:memory:/job\n0::/\n", {"memory/job/memory.oom_control": CONTROL}, 5),
        ("4:memory:/not-here\n", {"memory/memory.oom_control": CONTROL}, 5),
        ("0::/\n", {}, None),
    ],
)
def test_kills_for_memory_are_read_where_the_system_counts_them(
    tmp_path: Path, cgroup: str, files: dict[str, str], group: int | None
) -> None:
    found = system(tmp_path, cgroup, files)
    assert found.get("this control group") == group and found["the kernel"] == 3


def test_what_counts_nothing_is_no_evidence(tmp_path: Path) -> None:
    assert memory_kills(tmp_path, tmp_path) == {}


@pytest.mark.parametrize(
    ("before", "after", "reason", "said"),
    [
        ({"this control group": 2, "the kernel": 3}, {"this control group": 3, "the kernel": 4}, "out_of_memory",
         "out of memory: killed by the system (this control group counts 1 process killed for memory meanwhile)"),
        ({"the kernel": 3}, {"the kernel": 5}, "out_of_memory",
         "out of memory: killed by the system (the kernel counts 2 processes killed for memory meanwhile)"),
        ({"the kernel": 3}, {"the kernel": 3}, "trainer_failed", "killed by the signal SIGKILL, neither for want of memory"),
        ({}, {}, "trainer_failed", "killed by the signal SIGKILL; nothing here counts whether memory had run out"),
    ],
)  # fmt: skip
def test_a_killed_trainer_is_out_of_memory_only_where_the_system_says_so(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, int], after: dict[str, int], reason: str, said: str
) -> None:
    counts = iter((before, after))
    monkeypatch.setattr(causes, "memory_kills", lambda: next(counts))
    told = Cause().explain(-signal.SIGKILL, usual="trainer_failed", disk_full=False)
    assert told[0] == reason and told[1].startswith(said)
