"""Whether models go onto a GPU here."""

from __future__ import annotations

import os


def on_gpu() -> bool:
    """Not on ZeroGPU: there `spaces` has torch say yes, but a GPU is lent to single decorated calls, and the page makes none."""
    import torch

    return not zerogpu() and torch.cuda.is_available()


def zerogpu() -> bool:
    """Whether this is a Space on ZeroGPU, by what the package `spaces` goes by."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
