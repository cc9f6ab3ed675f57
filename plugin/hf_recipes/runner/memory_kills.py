"""How many processes were killed for want of memory, as the system itself counts it: the evidence behind `out of memory`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OF_GROUP, OF_KERNEL = "this control group", "the kernel"


def memory_kills(cgroups: Path = CGROUPS, proc: Path = Path("/proc")) -> dict[str, int]:
    """Who counts → kills so far. Empty where nothing is counted: no Linux, or a container that sees neither."""
    found = {OF_GROUP: _of_group(cgroups, proc), OF_KERNEL: _count(proc / "vmstat", "oom_kill")}
    return {who: count for who, count in found.items() if count is not None}


def risen(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Who counted more kills since, and how many."""
    since = {who: count - before[who] for who, count in after.items() if who in before}
    return {who: count for who, count in since.items() if count > 0}


def _of_group(cgroups: Path, proc: Path) -> int | None:
    """For this process's control group: memory.events (version 2) or memory.oom_control (version 1)."""
    try:
        lines = (proc / "self" / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        inside = path.lstrip("/")
        if "memory" in controllers.split(","):
            places = (
                cgroups / "memory" / inside / "memory.oom_control",
                cgroups / "memory" / "memory.oom_control",
            )
        elif not controllers:
            places = (cgroups / inside / "memory.events", cgroups / "memory.events")
        else:
            continue
        # In a container the path may be that outside of it, and its own group the root.
        for place in places:
            if (count := _count(place, "oom_kill")) is not None:
                return count
    return None


def _count(file: Path, name: str) -> int | None:
    try:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(" ")
            if key == name and value.strip().isdigit():
                return int(value)
    except OSError:
        pass
    return None
