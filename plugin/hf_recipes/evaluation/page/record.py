"""What a run has recorded that the page draws: how the loss went, and how long prompts and answers were."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hf_recipes.evaluation.answers import EvaluationFailed, read_answers

Series = Sequence[tuple[int, float]]
MOST_POINTS = 1000


@dataclass(frozen=True)
class Losses:
    """(step, loss), by step."""

    train: Series = ()
    held_out: Series = ()


@dataclass(frozen=True)
class TokenCounts:
    """Method → tokens of each row."""

    prompts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    answers: Mapping[str, Sequence[int]] = field(default_factory=dict)


def losses(file: Path) -> Losses:
    """Out of events.jsonl; empty without it. A line that was cut short is passed over."""
    train: dict[int, float] = {}
    held_out: dict[int, float] = {}
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return Losses()
    for line in lines:
        if '"train"' not in line:
            continue
        try:
            event = json.loads(line)
            step = int(event["step"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        for name, series in (("loss", train), ("eval_loss", held_out)):
            value = event.get(name)
            if isinstance(value, (int, float)) and math.isfinite(value):
                series[step] = float(value)
    return Losses(_thinned(train), _thinned(held_out))


def lengths(folder: Path) -> TokenCounts:
    """Out of answers/; empty where that is gone."""
    try:
        methods = read_answers(folder)
    except (EvaluationFailed, OSError):
        return TokenCounts()
    return TokenCounts(
        {name: [row.prompt_tokens for row in rows.values()] for name, rows in methods.items()},
        {name: [row.completion_tokens for row in rows.values()] for name, rows in methods.items()},
    )


def _thinned(series: Mapping[int, float]) -> Series:
    points = sorted(series.items())
    every = math.ceil(len(points) / MOST_POINTS) or 1
    return [point for place, point in enumerate(points) if place % every == 0 or place == len(points) - 1]
