"""Weights: what must be there and whole before anyone says "succeeded"."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.runner.causes import StepFailed
from hf_recipes.runner.files import read_json

WEIGHTS = re.compile(r"(?:adapter_model|model)(?:-\d+-of-\d+)?\.safetensors|model\.joblib")
PICKLES = re.compile(r"(?:pytorch_model|adapter_model|model).*\.(?:bin|pt|pth|ckpt|pkl|pickle)")
HEADER_LIMIT = 100_000_000
SIZES = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip
"""Bits an element, of the types that can be checked; one unknown here is taken at its word."""


def header_text(path: Path) -> bytes:
    """The JSON at the beginning of a safetensors file. Raises ValueError for another file, OSError."""
    with path.open("rb") as file:
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= min(HEADER_LIMIT, path.stat().st_size - 8):
            raise ValueError("it has no safetensors header")
        return file.read(length)


def safetensors_header(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file, as its header has them: name → dtype, shape, data_offsets. Raises ValueError, OSError."""
    try:
        found = json.loads(header_text(path))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("its header is damaged") from error
    if not isinstance(found, dict):
        raise ValueError("its header is damaged")
    found.pop("__metadata__", None)
    return found


def tensors(path: Path) -> dict[str, Any]:
    """The header of a safetensors file whose every byte is accounted for. Raises ValueError, OSError."""
    size, length = path.stat().st_size, len(header_text(path))
    found = safetensors_header(path)
    if not found:
        raise ValueError("it holds no tensors")
    position = 0
    try:
        for entry in sorted(
            found.values(), key=lambda entry: (entry["data_offsets"][0], entry["data_offsets"][1])
        ):
            begin, end = entry["data_offsets"]
            bits = SIZES.get(entry["dtype"])
            if begin != position or (bits and math.prod(entry["shape"]) * bits != 8 * (end - begin)):
                raise ValueError("its header is damaged")
            position = end
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its header is damaged") from error
    if size != 8 + length + position:
        raise ValueError(f"it has {size:,} bytes, and its header speaks of {8 + length + position:,}")
    return found


def weight_stamps(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """What may hold weights at the top of a folder, with what tells whether it has been written since."""
    found = {}
    if folder.is_dir():
        for path in folder.iterdir():
            if WEIGHTS.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                facts = path.stat()
                found[path] = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
    return found


def check_weights(folder: Path, before: Mapping[Path, tuple[int, int, int]], *, tabular: bool) -> str:
    """A note for the run's message, mostly empty. Raises StepFailed unless whole weights were written since `before`."""
    files = weight_stamps(folder)
    files = {path: facts for path, facts in files.items() if (path.name == "model.joblib") is tabular}
    if not files:
        if folder.is_dir() and any(PICKLES.fullmatch(path.name) for path in folder.iterdir()):
            raise StepFailed(
                "weights_invalid", "the trainer wrote pickle weights only, which are never loaded"
            )
        raise StepFailed("no_weights", "training ended without writing weights")
    for path, facts in sorted(files.items()):
        if before.get(path) == facts:
            raise StepFailed(
                "no_weights", f"training wrote no weights: {path.name} was there before it began"
            )
    if tabular:
        if not next(iter(files.values()))[2]:
            raise StepFailed("weights_invalid", "model.joblib is empty")
        return "model.joblib is a pickle: it was not loaded for a check, and it is not pushed"
    held = {}
    for path in sorted(files):
        try:
            held[path.name] = tensors(path)
        except (ValueError, OSError) as error:
            raise StepFailed("weights_invalid", f"{path.name} is damaged: {error}") from error
    _check_index(folder, held)
    return ""


def _check_index(folder: Path, held: Mapping[str, Mapping[str, Any]]) -> None:
    for base in ("model", "adapter_model"):
        shards = [name for name in held if name.startswith(f"{base}-")]
        index = folder / f"{base}.safetensors.index.json"
        if not index.exists():
            if shards:
                raise StepFailed(
                    "weights_invalid", f"{index.name}, which says where each tensor is, is missing"
                )
            continue
        try:
            places = read_json(index)["weight_map"]
            missing = {name for tensor, name in places.items() if tensor not in held.get(name, ())}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise StepFailed("weights_invalid", f"{index.name} is damaged") from error
        if missing:
            raise StepFailed("weights_invalid", f"{min(missing)} is missing or incomplete")
