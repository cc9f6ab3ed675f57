"""Folders that `save_to_disk` of `datasets` wrote: Arrow files, with state.json and dataset_info.json beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import wrong

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


@dataclass(frozen=True)
class SavedSet:
    paths: tuple[Path, ...]
    classes: Mapping[str, Sequence[str]]
    """Column → the class names that its features declare."""


def saved_set(folder: Path, split: str, train_split: str) -> SavedSet | None:
    """The split of a saved data set, or of several of them; None where the folder is no such thing.

    Raises DataError for a split that is not there, or for one whose files are not.
    """
    if (folder / SPLITS).is_file() or (folder / split / STATE).is_file():
        if not (folder / split / STATE).is_file():
            names = sorted(path.parent.name for path in folder.glob(f"*/{STATE}"))
            found = f"the folder was written by save_to_disk and holds {', '.join(names) or 'none'}"
            raise wrong(str(folder), f"no split {split!r}: {found}", code="no-split")
        return _read(folder / split)
    if not ((folder / STATE).is_file() and (folder / INFO).is_file()):
        return None
    if split != train_split:
        what = f"no split {split!r}: the folder was written by save_to_disk and holds the train split only"
        hint = "save a DatasetDict, or write a fraction such as 0.1 as data.test_split"
        raise wrong(str(folder), what, hint=hint, code="no-split")
    return _read(folder)


def _read(folder: Path) -> SavedSet:
    state, info = _json(folder / STATE), _json(folder / INFO)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        what = "was saved with rows that are chosen by an index beside them"
        hint = "load it with datasets, and write it with to_parquet"
        raise wrong(str(folder), what, hint=hint, code="data-unreadable")
    files = state.get("_data_files")
    names = [str(path.get("filename")) for path in files or () if isinstance(path, Mapping)]
    if not names or any(Path(name).name != name for name in names):
        raise wrong(str(folder / STATE), "names no files of this folder", code="data-unreadable")
    return SavedSet(tuple(folder / name for name in names), dict(_classes(info.get("features"))))


def _classes(features: Any) -> list[tuple[str, list[str]]]:
    """Columns of labels, and of lists of them."""
    found = []
    for column, feature in features.items() if isinstance(features, Mapping) else ():
        inner = feature.get("feature", feature) if isinstance(feature, Mapping) else None
        if isinstance(inner, Mapping) and inner.get("_type") == "ClassLabel" and inner.get("names"):
            found.append((column, [str(name) for name in inner["names"]]))
    return found


def _json(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise wrong(str(path), "not JSON that can be read", hint="save the data set again", code="not-json")
    return found
