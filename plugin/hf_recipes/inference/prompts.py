"""What each method asks: the conversation that a test row becomes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hf_recipes.inference.child import StepFailed
from hf_recipes.inference.shots import Conversation, fitting

BASELINES = ("zero-shot", "few-shot")
FINE_TUNED = "fine-tuned"


def asked_rows(rows: Sequence[dict[str, Any]], limit: int | None, seed: int) -> list[dict[str, Any]]:
    """The test rows that are answered: all, or `limit` of them drawn by seed, in their own order. Files are often sorted."""
    if limit is None or limit >= len(rows):
        return list(rows)
    chosen = random.Random(f"test {seed}").sample(range(len(rows)), limit)
    return [rows[place] for place in sorted(chosen)]


def prompts(
    method: str,
    rows: Sequence[Mapping[str, Any]],
    shots: Sequence[Conversation],
    count: Callable[[Conversation], int],
    room: int | None,
) -> list[Conversation]:
    """A conversation a row. `room`: the tokens that a prompt may have, for the model to answer in the positions it knows."""
    if method != "few-shot":
        return [row["messages"] for row in rows]
    if not shots:
        raise StepFailed("evaluation_failed", "few-shot wants examples, and evaluate.shots is 0")
    return [fitting(shots, row["messages"], count, room) for row in rows]
