"""How much memory this machine has for a pair, and how much a pair takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_recipes.inference.device import on_gpu

CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
RESERVED = 1 << 30
"""Bytes for Python, torch and the working memory of an answer."""


def memory_for_models() -> int:
    """Bytes that models may take in all: the GPU's memory where there is one, else the machine's or its container's."""
    gpu = _gpu()
    return max(0, (gpu if gpu is not None else _machine(CGROUP_LIMITS)) - RESERVED)


def item_size() -> int:
    """Bytes of a parameter once it is loaded: bfloat16 on a GPU, float32 without."""
    return 2 if _gpu() is not None else 4


def size_in_words(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(size, 1e5) / 1e6:.1f} MB"


def _gpu() -> int | None:
    try:
        import torch
    except ImportError:
        return None
    return int(torch.cuda.get_device_properties(0).total_memory) if on_gpu() else None


def _machine(cgroup_limits: Sequence[Path]) -> int:
    import psutil

    limits = [int(psutil.virtual_memory().total)]
    for path in cgroup_limits:
        try:
            limits.append(int(path.read_text("ascii")))
        except (OSError, ValueError):  # no such cgroup, or "max"
            continue
    return min(limits)
