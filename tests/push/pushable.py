"""The parts of runs that have ended well, made by hand: a small adapter, a report about it."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.inference.fingerprint import fingerprint, weight_files

BASE_FOLDER = "/home/someone/.cache/hf-recipes/bases/smollm2-135m-instruct-0a1b2c3d"
BUNDLED = "bundled/smollm2-135m-instruct"


def safetensors(values: int = 4, metadata: Mapping[str, str] | None = None) -> bytes:
    header: dict[str, Any] = {"w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}
    if metadata:
        header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\1" * (4 * values)


def measured(model: Path, **more: Any) -> dict[str, Any]:
    """A report about the weights of this folder."""

    def method(value: float, low: float, high: float, weights: str) -> dict[str, Any]:
        number = {"exact_match": {"value": value, "low": low, "high": high}}
        return {
            "metrics": number,
            "prompt_tokens": 700,
            "completion_tokens": 440,
            "seconds": 3.0,
            "weights": weights,
        }

    return {
        "schema": 1,
        "n": 20,
        "methods": {
            "zero-shot": method(0.0, 0.0, 0.161, "base:aaaaaaaaaaaa"),
            "few-shot": method(0.15, 0.0524, 0.3604, "base:aaaaaaaaaaaa"),
            "fine-tuned": method(0.9, 0.699, 0.972, f"fine-tuned:{fingerprint(weight_files(model))}"),
        },
        "verdict": {
            "decision": "fine-tuned",
            "reason": "The fine-tuned model is better than the best baseline: 18 of 20.",
            "against": "few-shot",
            "smallest_difference": 0.3,
            "metric": "exact_match",
        },
        "gate": [{"metric": "exact_match", "bound": "at least 0.8", "value": 0.9, "met": True}],
        **more,
    }


def write(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


def set_state(run: Path, **changes: Any) -> None:
    state = json.loads((run / "state.json").read_text())
    write(run / "state.json", {**state, **changes})
