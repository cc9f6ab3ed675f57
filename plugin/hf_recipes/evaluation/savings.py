"""What the fine-tuned model saves a request against a baseline, as it was measured."""

from __future__ import annotations

from collections.abc import Mapping
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
