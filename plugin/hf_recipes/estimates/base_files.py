"""Whether the files of a base model can be loaded at all: safetensors that are whole, and no pickle in their place.

Names and headers are read, never weights.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from hf_recipes.runner.weights import tensors

DAMAGED = "damaged-weights"
"""The code of what is wrong with the bytes of a file, about whose header nothing is said by it."""
INDEX = "model.safetensors.index.json"
WEIGHTS = ("model.safetensors", INDEX)
"""What transformers and sentence-transformers look for first."""
PICKLES = re.compile(r"(?:pytorch_model|model|consolidated|adapter_model).*\.(?:bin|pt|pth|ckpt|pkl|pickle)")
CONVERT = (
    "load it where you trust it and write it anew with save_pretrained(…, safe_serialization=True), "
    "or name a base that has safetensors"
)


class UnusableBase(str):
    """Why a base cannot be loaded, in a sentence that stands where its size would."""

    code: str
    hint: str

    def __new__(cls, code: str, sentence: str, hint: str = "") -> UnusableBase:
        made = super().__new__(cls, sentence)
        made.code, made.hint = code, hint
        return made


def unusable_folder(folder: Path) -> UnusableBase | None:
    """What keeps the model in a folder from being loaded; None where nothing does. Raises OSError."""
    parts = list(_parts(folder))
    for part in parts:
        names = [path.name for path in part.iterdir()]
        if pickle := pickle_in_place_of_weights(names):
            return pickle_only(folder.name, str((part / pickle).relative_to(folder)))
        for file, why in _damaged(part):
            where = (part / file).relative_to(folder)
            return UnusableBase(DAMAGED, f"{folder.name}: {where} is damaged: {why}", "fetch the file again")
    if not any(path.suffix == ".safetensors" for part in parts for path in part.iterdir()):
        return UnusableBase(
            "no-weights", f"{folder.name} holds no safetensors files", "name the folder that has the weights"
        )
    return None


def pickle_only(base: str, pickle: str) -> UnusableBase:
    why = f"{base} holds its weights as a pickle alone ({pickle}), which runs code when it is loaded and is never loaded"
    return UnusableBase("pickle", why, CONVERT)


def pickle_in_place_of_weights(names: Iterable[str]) -> str | None:
    """The pickle among a folder's files that would be loaded because there are no safetensors."""
    there = sorted(names)
    if any(name in there for name in WEIGHTS):
        return None
    return next((name for name in there if PICKLES.fullmatch(name)), None)


def _parts(folder: Path) -> Iterator[Path]:
    """The folder, and those that sentence-transformers keeps its modules in."""
    yield folder
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        paths = [str(module.get("path") or "") for module in modules]
    except (OSError, ValueError, TypeError, AttributeError):
        return
    for path in paths:
        part = folder / path
        if path and part.is_dir() and part.resolve().is_relative_to(folder.resolve()):
            yield part


def _damaged(folder: Path) -> Iterator[tuple[str, str]]:
    """(file, what is wrong) of the safetensors that would be loaded."""
    files, index = {"model.safetensors"}, folder / INDEX
    if index.is_file() and not (folder / "model.safetensors").is_file():
        try:
            files = {
                str(file) for file in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            yield INDEX, "it does not say which file holds what"
            return
        for name in sorted(files):
            if not (folder / name).is_file():
                yield INDEX, f"{name}, which it names, is not there"
    for name in sorted(files):
        if (folder / name).is_file():
            try:
                tensors(folder / name)
            except ValueError as error:
                yield name, str(error)
