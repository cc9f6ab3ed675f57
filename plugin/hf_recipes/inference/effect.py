"""Whether a trained adapter does anything: each module that it names, and the whole of it on a few tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ADAPTER, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PROBE = range(4, 12)
"""Tokens of one forward pass."""

Warned = dict[str, Any]
"""As in the report: `code`, `message` and evidence."""


def idle_targets(folder: Path) -> list[Warned]:
    """The modules that adapter_config.json names without a saved tensor, or whose LoRA B is all zero.

    peft passes over a name that the base does not have as long as another one fits.
    """
    targets = json.loads((folder / ADAPTER).read_text("utf-8")).get("target_modules")
    if not isinstance(targets, list):
        return []  # one pattern: what it does not match is not meant
    learned = _learned(folder / WEIGHTS)
    adapted = sorted({_leaf(name) for name, some in learned.items() if some})
    # A base's modules may be named one by one, with their layers: those of one kind are told together.
    kinds: dict[str, list[str]] = {}
    for target in sorted(str(target) for target in targets):
        kinds.setdefault(_leaf(target), []).append(target)
    found = []
    for kind, named in kinds.items():
        modules = {
            name for target in named for name in learned if name == target or name.endswith(f".{target}")
        }
        idle = sorted(module for module in modules if not learned[module])
        if not modules:
            message = f"the adapter names the target module {kind!r}, and has no weights for it: the base has no module of that name"
        elif idle:
            message = f"the adapter changes nothing in {len(idle)} of {len(modules)} modules {kind!r}: LoRA B is zero there"
        else:
            continue
        evidence = {"target": kind, "modules": len(modules), "idle": len(idle), "adapted": adapted}
        found.append({"code": "target-without-effect", "message": message, **evidence})
    return found


def _leaf(module: str) -> str:
    return module.rpartition(".")[2]


def without_effect(model: Any) -> list[Warned]:
    """`model`: of peft, with the adapter on. Told where a forward pass gives the very scores of the base."""
    import torch

    ids = torch.tensor([list(PROBE)], device=model.device)  # (1, tokens)
    with torch.inference_mode():
        tuned = model(input_ids=ids).logits
        with model.disable_adapter():
            base = model(input_ids=ids).logits
    if not torch.equal(tuned, base):
        return []
    kind = str(tuned.dtype).rpartition(".")[2]
    message = f"the adapter has no effect: on {len(PROBE)} tokens its scores are those of the base to the last bit ({kind})"
    return [{"code": "adapter-without-effect", "message": message, "tokens": len(PROBE), "dtype": kind}]


def _learned(file: Path) -> Mapping[str, bool]:
    """Module → whether a number of its LoRA B is not zero."""
    from safetensors import safe_open

    found: dict[str, bool] = {}
    with safe_open(file, "pt") as tensors:
        for name in tensors.keys():  # noqa: SIM118  (a handle is no mapping)
            module, mark, _ = name.partition(".lora_")
            if mark:
                changed = "lora_B" in name or "lora_embedding_B" in name
                some = changed and bool(tensors.get_tensor(name).any())
                found[module] = found.get(module, False) or some
    return found
