"""The hardware that Hugging Face rents, beyond AutoTrain's table: tests hold it against huggingface_hub's own lists."""

from __future__ import annotations

from hf_recipes.recipe import autotrain

JOB_FLAVORS = (
    "cpu-basic", "cpu-upgrade", "cpu-performance", "cpu-xl", "t4-small", "t4-medium", "l4x1", "l4x4", "l40sx1",
    "l40sx4", "l40sx8", "a10g-small", "a10g-large", "a10g-largex2", "a10g-largex4", "a100-large", "a100x4", "a100x8",
    "h200", "h200x2", "h200x4", "h200x8", "rtx-pro-6000", "rtx-pro-6000x2", "rtx-pro-6000x4", "rtx-pro-6000x8",
)  # fmt: skip
"""Of HF Jobs."""
NEWER_SPACES = (
    "spaces-a100x4", "spaces-a100x8",
    "spaces-rtx-pro-6000", "spaces-rtx-pro-6000x2", "spaces-rtx-pro-6000x4", "spaces-rtx-pro-6000x8",
)  # fmt: skip
"""Hardware that Spaces have today and AutoTrain's table does not."""
ZERO = "zero-a10g"
"""ZeroGPU: since July 2026 what the Hub runs Gradio Spaces on for accounts without PRO. The page answers on its CPU; nothing trains."""


def backend_names() -> tuple[str, ...]:
    """The names of every backend."""
    known = (name for name in autotrain.hardware() if name.startswith(("local", "spaces-")))
    return (*known, *NEWER_SPACES, *(f"jobs-{flavor}" for flavor in JOB_FLAVORS))
