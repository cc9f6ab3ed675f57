"""Did it forget? The likelihood of general text before and after training, as the answer step recorded it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hf_recipes.evaluation.answers import EvaluationFailed

THRESHOLD = 0.1
WHY = (
    "0.1 nats a token is a perplexity one tenth higher (e^0.1 = 1.105): more than a small adapter on one task usually costs, "
    "and a good part of what the next smaller model of a family would"
)


def forgetting(folder: Path) -> dict[str, Any] | None:
    """Nats a token of both models on the same texts, their difference with a 95 % interval (bootstrap over texts), and
    whether it is flagged: more than THRESHOLD, and the interval above 0. None where it was not measured.

    Raises EvaluationFailed.
    """
    file = folder / "forgetting.json"
    if not file.is_file():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        tokens = int(found["tokens"])
        before, after = ([float(nats) for nats in found[side]["nll"]] for side in ("base", "fine-tuned"))
        usable = tokens > 0 and before and len(before) == len(after)
        if not usable or not all(map(math.isfinite, [*before, *after])):
            raise ValueError("it is not whole")
    except (ValueError, KeyError, TypeError) as problem:
        raise EvaluationFailed(f"{file.name} is not a recorded measurement: {problem}.") from None
    from hf_recipes.evaluation.resampling import mean_interval

    # Per text the difference in nats; tokens a text on average make it one per token.
    each = [(b - a) * len(before) / tokens for a, b in zip(before, after, strict=True)]
    low, high = mean_interval(each)
    difference = (sum(after) - sum(before)) / tokens
    return {
        "base": sum(before) / tokens,
        "fine-tuned": sum(after) / tokens,
        "difference": difference,
        "low": low,
        "high": high,
        "texts": len(before),
        "tokens": tokens,
        "threshold": THRESHOLD,
        "why": WHY,
        "flagged": difference > THRESHOLD and low > 0,
    }
