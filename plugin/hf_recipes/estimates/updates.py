"""How often training will change the weights, as transformers 4.48 counts it."""

from __future__ import annotations

import math
from collections.abc import Mapping

FEW = 20
"""Updates below which next to nothing is learned. A rule of thumb of ours: the warm-up alone takes a tenth of them."""


def updates(examples: int, params: Mapping[str, object], gpus: int) -> dict[str, object] | None:
    """`value`, what it is made of, and in `warning` a sentence where it is next to nothing; None where it cannot be known.

    `examples`: what a batch is made of, rows or packed blocks. Trainer drops what does not fill an accumulation, unless that
    leaves no update at all.
    """
    batch, accumulation = params.get("batch_size"), params.get("gradient_accumulation", 1)
    epochs = params.get("epochs")
    if not (_counts(batch) and _counts(accumulation) and _number(epochs)) or examples < 1:
        return None
    batches = math.ceil(examples / (int(str(batch)) * max(1, gpus)))
    each = max(1, batches // int(str(accumulation)))
    value = math.ceil(float(str(epochs)) * each)
    parts = [f"{examples:,} {'blocks' if _packs(params) else 'rows'}", f"batch_size {batch}"]
    parts += [f"gradient_accumulation {accumulation}"] if accumulation != 1 else []
    parts += [f"{gpus} GPUs"] if gpus > 1 else []
    parts.append(f"{epochs} epoch{'' if epochs == 1 else 's'}")
    found: dict[str, object] = {
        "value": value,
        "an_epoch": each,
        "examples": examples,
        "basis": ", ".join(parts),
    }
    if value < FEW:
        found["warning"] = (
            f"{value} update{'' if value == 1 else 's'} of the weights {'is' if value == 1 else 'are'} next to nothing; "
            f"{_remedy(params)}"
        )
    return found


def _remedy(params: Mapping[str, object]) -> str:
    """What makes more of them, the strongest first."""
    smaller = [
        name
        for name in ("gradient_accumulation", "batch_size")
        if _counts(params.get(name)) and params[name] != 1
    ]
    smaller += ["block_size"] if _packs(params) else []
    named = " and ".join(f"params.{name}" for name in smaller[:2])
    return (
        f"a smaller {named}, more params.epochs or more rows make more"
        if named
        else "more params.epochs or more rows make more"
    )


def _packs(params: Mapping[str, object]) -> bool:
    return "block_size" in params and params.get("trainer") in ("sft", "default", None)


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
