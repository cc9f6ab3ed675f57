"""The machine that a backend's name stands for, so that a recipe for elsewhere can be planned from here."""

from __future__ import annotations

from hf_recipes.engines.machine import Gpu, Machine

GIB = 1024**3

# Flavor → CPU cores, main memory in GiB, GPU, GPU memory in GiB, GPUs. From huggingface.co/docs/hub/spaces-gpus.
FLAVORS: dict[str, tuple[int, int, str, int, int]] = {
    "cpu-basic": (2, 16, "", 0, 0),
    "cpu-upgrade": (8, 32, "", 0, 0),
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
}
UNKNOWN = Machine(cores=1, memory=0, gpus=(Gpu("unknown", 0),))
"""AutoTrain's other clouds: a GPU of unknown size. A memory of 0 bytes is never compared with."""


def machine_for(backend: str, here: Machine) -> Machine:
    """The hardware of a backend: `here` for local ones, from the table for `spaces-*` and `jobs-*`."""
    if backend.startswith("local"):
        return here
    flavor = FLAVORS.get(backend.partition("-")[2])
    if flavor is None:
        return UNKNOWN
    cores, memory, name, gpu_memory, count = flavor
    return Machine(cores, memory * GIB, tuple(Gpu(name, gpu_memory * GIB) for _ in range(count)))
