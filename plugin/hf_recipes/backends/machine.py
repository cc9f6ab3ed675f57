"""What this machine has. No torch: asking must cost nothing."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from hf_recipes.catalog.machine import Gpu, Machine

CGROUPS = Path("/sys/fs/cgroup")
SECONDS_FOR_NVIDIA = 20


def machine() -> Machine:
    """The cores, memory and GPUs that a run may use here, limits of a container counted."""
    return Machine(cores=_cores(), memory=_memory(), gpus=_gpus())


def _cores() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [math.ceil(quota) for quota in _quotas()]
    return max(1, min([available, *quotas]))


def _quotas() -> Iterator[float]:
    """Cores that each control group around us allows."""
    for folder in _groups("cpu"):
        words = _text(folder / "cpu.max").split()
        if len(words) == 2 and words[0] != "max":
            yield int(words[0]) / int(words[1])
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)


def _memory() -> int:
    limits = [
        int(text)
        for folder in _groups("memory")
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := _text(folder / name)).isdigit()
    ]
    return min([_main_memory(), *limits])


def _main_memory() -> int:
    if sys.platform == "darwin":
        return int(_output(["sysctl", "-n", "hw.memsize"]) or 0)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _groups(controller: str) -> Iterator[Path]:
    """The folders of our control group and of those around it, for cgroups of version 1 and 2.

    In a container the group's path may be one of the host's; then the mount point itself is ours.
    """
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = CGROUPS / controllers if controllers else CGROUPS
        here = mount / path.lstrip("/")
        yield from (
            folder for folder in (here, *here.parents) if folder.is_dir() and folder.is_relative_to(mount)
        )


def _gpus() -> tuple[Gpu, ...]:
    rows = _listed(os.environ.get("PATH", "")).splitlines()
    found = [[word.strip() for word in row.split(",", 3)] for row in rows if row.count(",") >= 3]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        wanted = [word.strip() for word in visible.split(",")]
        found = [
            row
            for row in found
            if row[0] in wanted or any(word and row[1].startswith(word) for word in wanted)
        ]
    # A GPU that shares the main memory reports none of its own.
    return tuple(
        Gpu(name=row[3], memory=int(row[2]) << 20 if row[2].isdigit() else _main_memory()) for row in found
    )


@cache
def _listed(_path: str) -> str:
    """What the nvidia-smi of this PATH says, asked once a command: where a driver has to wake up, it takes seconds."""
    return _output(
        ["nvidia-smi", "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits"]
    )


def _output(command: list[str]) -> str:
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS_FOR_NVIDIA, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
