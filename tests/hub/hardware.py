"""The hardware that the Hub rents out, with prices by the hour as published in 2026 (close enough for a stand-in)."""

from __future__ import annotations

from typing import Any

from hub.errors import Refused

# name: (shown, vCPU, memory in GB, disk in GB, GPU, GPUs, memory of one in GB, dollars an hour)
FLAVORS: dict[str, tuple[str, int, int, int, str, int, int, float]] = {
    "cpu-basic": ("CPU Basic", 2, 16, 50, "", 0, 0, 0.01),
    "cpu-upgrade": ("CPU Upgrade", 8, 32, 50, "", 0, 0, 0.03),
    "cpu-xl": ("CPU XL", 16, 124, 1000, "", 0, 0, 1.00),
    "cpu-performance": ("CPU Performance", 32, 256, 1024, "", 0, 0, 1.90),
    "t4-small": ("Nvidia T4 - small", 4, 15, 50, "T4", 1, 16, 0.40),
    "t4-medium": ("Nvidia T4 - medium", 8, 30, 100, "T4", 1, 16, 0.60),
    "l4x1": ("1x Nvidia L4", 8, 30, 400, "L4", 1, 24, 0.80),
    "l4x4": ("4x Nvidia L4", 48, 186, 3200, "L4", 4, 24, 3.80),
    "l40sx1": ("1x Nvidia L40S", 8, 62, 380, "L40S", 1, 48, 1.80),
    "l40sx4": ("4x Nvidia L40S", 48, 382, 3200, "L40S", 4, 48, 8.30),
    "l40sx8": ("8x Nvidia L40S", 192, 1534, 6500, "L40S", 8, 48, 23.50),
    "a10g-small": ("Nvidia A10G - small", 4, 15, 110, "A10G", 1, 24, 1.00),
    "a10g-large": ("Nvidia A10G - large", 12, 46, 200, "A10G", 1, 24, 1.50),
    "a10g-largex2": ("2x Nvidia A10G - large", 24, 92, 1000, "A10G", 2, 24, 3.00),
    "a10g-largex4": ("4x Nvidia A10G - large", 48, 184, 2000, "A10G", 4, 24, 5.00),
    "a100-large": ("Nvidia A100 - large", 12, 142, 1000, "A100", 1, 80, 2.50),
    "a100x4": ("4x Nvidia A100", 48, 568, 4000, "A100", 4, 80, 10.00),
    "a100x8": ("8x Nvidia A100", 96, 1136, 8000, "A100", 8, 80, 20.00),
    "h200": ("Nvidia H200", 23, 256, 3000, "H200", 1, 141, 5.00),
    "h200x2": ("2x Nvidia H200", 46, 512, 6000, "H200", 2, 141, 10.00),
    "h200x4": ("4x Nvidia H200", 92, 1024, 12000, "H200", 4, 141, 20.00),
    "h200x8": ("8x Nvidia H200", 184, 2048, 24000, "H200", 8, 141, 40.00),
    "rtx-pro-6000": ("Nvidia RTX PRO 6000", 24, 128, 1000, "RTX PRO 6000", 1, 96, 2.50),
    "rtx-pro-6000x2": ("2x Nvidia RTX PRO 6000", 48, 256, 2000, "RTX PRO 6000", 2, 96, 5.00),
    "rtx-pro-6000x4": ("4x Nvidia RTX PRO 6000", 96, 512, 4000, "RTX PRO 6000", 4, 96, 10.00),
    "rtx-pro-6000x8": ("8x Nvidia RTX PRO 6000", 192, 1024, 8000, "RTX PRO 6000", 8, 96, 20.00),
}
ONLY_JOBS = {"cpu-xl", "cpu-performance", "h200", "h200x2", "h200x4", "h200x8"}
FOR_JOBS = frozenset(FLAVORS)
ZERO = "zero-a10g"
FOR_SPACES = frozenset(FLAVORS) - ONLY_JOBS | {ZERO}


def listed(name: str, *, hourly: float | None = None) -> dict[str, Any]:
    """One line of the Hub's list. The price is by the minute, there too."""
    shown, cores, memory, disk, gpu, count, vram, price = FLAVORS[name]
    by_minute = (price if hourly is None else hourly) / 60
    accelerator = {
        "type": "gpu", "model": gpu, "quantity": str(count), "vram": f"{vram * count} GB", "manufacturer": "Nvidia",
    }  # fmt: skip
    return {
        "name": name,
        "prettyName": shown,
        "cpu": f"{cores} vCPU",
        "ram": f"{memory} GB",
        "ephemeralStorage": f"{disk} GB",
        "accelerator": accelerator if gpu else None,
        "unitCostMicroUSD": round(by_minute * 1e6),
        "unitCostUSD": round(by_minute * 1e6) / 1e6,
        "unitLabel": "minute",
    }


def for_jobs() -> list[dict[str, Any]]:
    return [listed(name) for name in FLAVORS]


def for_spaces() -> list[dict[str, Any]]:
    """The smallest costs a Job a little, and a Space nothing."""
    names = [name for name in FLAVORS if name not in ONLY_JOBS]
    return [listed(name, hourly=0.0 if name == "cpu-basic" else None) for name in names]


def check_rent(name: str, *, can_pay: bool) -> None:
    """Whether a Space may have it. Raises Refused."""
    if name not in FOR_SPACES:
        raise Refused(400, f"Invalid hardware flavor: {name}")
    if name not in ("cpu-basic", ZERO) and not can_pay:
        raise Refused(402, "Payment required: add a payment method to use paid hardware")


def check_zero(sdk: str | None, *, pro: bool, good_standing: bool, held: int) -> None:
    """Whether one more Space may have ZeroGPU. The refusals' words are ours: the Hub's are not known. Raises Refused."""
    if sdk != "gradio":
        raise Refused(400, "ZeroGPU is only available for Gradio Spaces")
    if not pro and not good_standing:
        raise Refused(403, "ZeroGPU Spaces are only available to accounts in good standing")
    if held >= (10 if pro else 2):
        raise Refused(403, f"You have reached the maximum of {10 if pro else 2} ZeroGPU Spaces")


def given(name: str) -> dict[str, str]:
    """What a container is told about the hardware under it."""
    cores, memory = FLAVORS[name][1:3] if name in FLAVORS else (4, 15)
    return {"CPU_CORES": str(cores), "MEMORY": f"{memory}Gi"}
