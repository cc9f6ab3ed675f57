"""The machine that a backend's name stands for, so that a recipe for elsewhere can be planned from here."""

from __future__ import annotations

from hf_recipes.catalog.machine import Gpu, Machine

GIB = 1024**3

# Flavor → CPU cores, main memory in GiB, GPU, GPU memory in GiB, GPUs. From huggingface.co/docs/hub/spaces-gpus and
# jobs-pricing. Spaces have those that catalog/backend_names.py lists, HF Jobs have all.
FLAVORS: dict[str, tuple[int, int, str, int, int]] = {
    "cpu-basic": (2, 16, "", 0, 0),
    "cpu-upgrade": (8, 32, "", 0, 0),
    "cpu-xl": (16, 124, "", 0, 0),
    "cpu-performance": (32, 256, "", 0, 0),
    "t4-small": (4, 15, "T4", 16, 1),
    "t4-medium": (8, 30, "T4", 16, 1),
    "l4x1": (8, 30, "L4", 24, 1),
    "l4x4": (48, 186, "L4", 24, 4),
    "l40sx1": (8, 62, "L40S", 48, 1),
    "l40sx4": (48, 382, "L40S", 48, 4),
    "l40sx8": (192, 1534, "L40S", 48, 8),
    "a10g-small": (4, 15, "A10G", 24, 1),
    "a10g-large": (12, 46, "A10G", 24, 1),
    "a10g-largex2": (24, 92, "A10G", 24, 2),
    "a10g-largex4": (48, 184, "A10G", 24, 4),
    "a100-large": (12, 142, "A100", 80, 1),
    "a100x4": (48, 568, "A100", 80, 4),
    "a100x8": (96, 1136, "A100", 80, 8),
    "h200": (23, 256, "H200", 141, 1),
    "h200x2": (46, 512, "H200", 141, 2),
    "h200x4": (92, 1024, "H200", 141, 4),
    "h200x8": (184, 2048, "H200", 141, 8),
    "rtx-pro-6000": (23, 256, "RTX PRO 6000", 96, 1),
    "rtx-pro-6000x2": (46, 512, "RTX PRO 6000", 96, 2),
    "rtx-pro-6000x4": (92, 1024, "RTX PRO 6000", 96, 4),
    "rtx-pro-6000x8": (184, 2048, "RTX PRO 6000", 96, 8),
}
IN_USE = {
    "T4": 14.7,
    "L4": 22.0,
    "A10G": 22.0,
    "L40S": 44.4,
    "A100": 79.1,
    "H200": 139.8,
    "RTX PRO 6000": 94.9,
}
"""GPU → the GiB that CUDA has of it, as torch's errors tell them; the memory's own error correction takes the rest."""
FREE_SPACE = "cpu-basic"
"""A Space on it costs nothing by the hour, for accounts that may make Spaces; it cannot be asked for, and its sleep time cannot be set."""
UNKNOWN = Machine(cores=1, memory=0, gpus=(Gpu("unknown", 0),))
"""Another cloud: a GPU of unknown size. A memory of 0 bytes is never compared with."""


HERE = {"local"}
"""Kinds of backends that run on the machine that is asked, and see its disk."""


def backend_kind(backend: str) -> str:
    """`local`, `spaces` of `spaces-t4-small`, `jobs`."""
    return backend.partition("-")[0]


def runs_here(backend: str) -> bool:
    return backend_kind(backend) in HERE


def machine_for(backend: str, here: Machine) -> Machine:
    """The hardware of a backend: `here` for those that run here, from the table for `spaces-*` and `jobs-*`."""
    if runs_here(backend):
        return here
    flavor = FLAVORS.get(flavor_of(backend))
    if flavor is None:
        return UNKNOWN
    cores, memory, name, _, count = flavor
    return Machine(cores, memory * GIB, (Gpu(name, int(IN_USE[name] * GIB)),) * count if count else ())


def flavor_of(backend: str) -> str:
    """`t4-small` of `spaces-t4-small` and `jobs-t4-small`; empty for local ones."""
    return backend.partition("-")[2]
