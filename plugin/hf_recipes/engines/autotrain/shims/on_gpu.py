"""Trains on a machine that has GPUs once torch has used one, and not at all where it cannot.

Where the GPU's driver is older than torch's CUDA, torch finds no GPU and says so in a warning, and the trainers go on with
the CPU: for hours that are paid, by the price of the GPU.
"""

from __future__ import annotations

import os
import sys
import warnings


def unusable() -> str:
    """Why torch cannot use the GPU, in a sentence; empty where it can."""
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    why = str(said[-1].message) if said else "none is found"
    if found:
        try:
            # Each process its own: whatever touches a GPU takes some of its memory for good.
            torch.ones(1, device=f"cuda:{os.environ.get('LOCAL_RANK', '0')}").add_(1).item()
            return ""
        except RuntimeError as error:
            if "out of memory" in str(error):
                raise
            why = (str(error).splitlines() or [""])[0]
    made_for = f"torch {torch.__version__} is made for CUDA {torch.version.cuda}"
    return f"torch cannot use the GPU of this machine: {' '.join(why.split())[:200]} ({made_for})"


def prepare() -> None:
    # Set by accelerate where it was told to leave the GPU alone.
    if os.environ.get("ACCELERATE_USE_CPU", "").lower() not in ("1", "true", "yes") and (why := unusable()):
        sys.exit(f"RuntimeError: {why}")
