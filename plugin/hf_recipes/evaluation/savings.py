"""What the fine-tuned model saves a request against a baseline, as it was measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def savings(
    tuned: Mapping[str, Any], baseline: Mapping[str, Any], name: str, n: int, training_seconds: float | None
) -> dict[str, Any]:
    """`tuned` and `baseline`: their entries in the report. Counted in time that was measured, never in money that wasn't.

    Negative where the fine-tuned model takes more. Whether training has paid for itself is another question (paid_back.py).
    """
    found: dict[str, Any] = {
        "against": name,
        "prompt_tokens_saved": (baseline["prompt_tokens"] - tuned["prompt_tokens"]) / n,
        "completion_tokens_saved": (baseline["completion_tokens"] - tuned["completion_tokens"]) / n,
        "seconds_saved": (baseline["seconds"] - tuned["seconds"]) / n,
    }
    if training_seconds is not None:
        found["training_seconds"] = training_seconds
    cached = tuned["cached"] + baseline["cached"]
    found["basis"] = (
        f"means over {n} rows, answered in batches on the machine of this run; training as long as the trainer says; "
        "no prices"
        + (f"; the seconds of {cached} cached answers were measured when they were made" if cached else "")
    )
    return found


def training_seconds(run: Path) -> float | None:
    """What the trainer said at its end, in the run's events."""
    file = run / "events.jsonl"
    seconds = None
    if not file.is_file():
        return None
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and event.get("stage") == "train":
                said = event.get("train_runtime")
                if isinstance(said, (int, float)) and math.isfinite(said) and said > 0:
                    seconds = float(said)
    return seconds
