"""What a run that could not tell had left: test rows that were not asked, training rows that were not used, few updates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def unused(prepared: Mapping[str, Any], n: int, training: Mapping[str, Any]) -> str:
    """In sentences. `prepared`: work/prepared.json; `n`: the test rows that were answered; `training`: the report's."""
    rows = prepared.get("rows") or {}
    trained_on = _count(rows.get("train"))
    test, train = _count(rows.get("test")) - n, _count(prepared.get("pool")) - trained_on
    said = []
    if test > 0:
        said.append(f"{test:,} more test rows are available: raise evaluate.limit.")
    if train > 0 and trained_on:
        said.append(f"{train:,} training rows were left out by data.limit; {trained_on:,} were trained on.")
    if updates := _count(training.get("updates")):
        said.append(f"Training made {updates:,} update{'' if updates == 1 else 's'}.")
    return " ".join(said)


def _count(value: object) -> int:
    return value if type(value) is int else 0
