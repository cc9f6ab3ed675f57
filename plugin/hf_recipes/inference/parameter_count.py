"""Parameters of a model, read from the headers of its safetensors files: no weights are loaded."""

from __future__ import annotations

import math
from pathlib import Path

from hf_recipes.runner.weights import safetensors_header


def parameter_count(base: str) -> int | None:
    """How many parameters a model's files hold; None when it has no safetensors or the Hub cannot be asked."""
    folder = Path(base)
    if folder.is_dir():
        files = sorted(folder.glob("*.safetensors"))
        try:
            tensors = [entry for file in files for entry in safetensors_header(file).values()]
        except (ValueError, OSError):
            return None
        return sum(math.prod(tensor["shape"]) for tensor in tensors) or None
    from hf_recipes.inference.network import hub_reachable

    if not hub_reachable():
        return None
    import huggingface_hub

    try:
        return sum(huggingface_hub.get_safetensors_metadata(base).parameter_count.values())
    except Exception:  # private, gated, no safetensors, unreachable: all mean that it is not known
        return None
