"""The first rows of data that no recipe names yet, for `new --data`: {"path", "local"} on stdin, the answer as JSON on stdout.

    python -m hf_recipes.steps.prepare.sketch_rows < data.json

Answer: {"splits": {train, test}, "rows": rows looked at, "more": whether there are others, "sketch": Sketch}, or {"problem": why not}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import DataError, Findings
from hf_recipes.data.sketch import NoSketch, sketch
from hf_recipes.recipe.model import Data
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.prepare.dataset import open_split
from hf_recipes.steps.prepare.file_kinds import stem_and_kind
from hf_recipes.steps.split_files import split_names

LOOKED_AT = 5_000
TRAIN, TEST = ("train", "training"), ("test", "testing", "validation", "valid", "val", "dev", "eval")
"""What splits are called, the one to take first in front."""


def look(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Never raises for bad data or an unreachable Hub: it says so."""
    path, local = str(asked["path"]), bool(asked["local"])
    try:
        train, test = _splits(path) if local else ("train", None)
        data = Data(path=path, local=local, train_split=train)
        findings = Findings()
        found = [row for _, (_, row) in islice(open_split(data, train).named_rows(findings), LOOKED_AT + 1)]
        if not found:
            findings.stop()
        return {
            "splits": {"train": train, "test": test},
            "rows": min(len(found), LOOKED_AT),
            "more": len(found) > LOOKED_AT,
            "sketch": asdict(sketch(found[:LOOKED_AT])),
        }
    except DataError as error:
        problem = error.problems[0]
        more = (
            "; name one of its files, or call one train"
            if problem.code == "no-split" and not problem.hint
            else ""
        )
        return {"problem": f"{problem}{more}"}
    except (NoSketch, StepFailed) as error:
        return {"problem": f"{path}: {error}"}


def _splits(path: str) -> tuple[str, str | None]:
    """(the split to train on, the one to test on where there is one)"""
    place = Path(path)
    if not place.is_dir():
        named = stem_and_kind(place)
        return (named[0] if named else "train"), None
    names = split_names(place) or split_names(place / "data")
    train = next((name for name in TRAIN if name in names), names[0] if len(names) == 1 else "train")
    return train, next((name for name in TEST if name in names), None)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(json.load(sys.stdin)), ensure_ascii=False) + "\n")
