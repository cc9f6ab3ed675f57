"""The names of the backends: this machine, and the hardware that Hugging Face rents. Tests hold them against huggingface_hub's lists."""

from __future__ import annotations

from hf_recipes.catalog.hardware import FLAVORS

JOB_FLAVORS = tuple(FLAVORS)
"""Of HF Jobs."""
JOBS_ALONE = ("cpu-xl", "cpu-performance", "h200", "h200x2", "h200x4", "h200x8")
"""What no Space can have."""
SPACE_FLAVORS = tuple(sorted(flavor for flavor in FLAVORS if flavor not in JOBS_ALONE))
ZERO = "zero-a10g"
"""ZeroGPU: since July 2026 what the Hub runs Gradio Spaces on for accounts without PRO. The page answers on its CPU; nothing trains."""
BACKEND_NAMES = {
    "local": ("local", "local-cli", "local-ui"),
    "spaces": tuple(f"spaces-{flavor}" for flavor in SPACE_FLAVORS),
    "jobs": tuple(f"jobs-{flavor}" for flavor in JOB_FLAVORS),
}
"""Kind → the names that a recipe may give."""


def backend_names() -> tuple[str, ...]:
    """The names of every backend."""
    return tuple(name for names in BACKEND_NAMES.values() for name in names)
