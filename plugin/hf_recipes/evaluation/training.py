"""What training did, out of the events that a run recorded: updates, losses, gradients, tokens. Arithmetic only."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes.record.prepared import known_of_preparation


@dataclass(frozen=True)
class Logged:
    """What the trainer printed, oldest first; a number that is not finite is nan or an infinity."""

    losses: Sequence[float] = ()
    gradients: Sequence[float] = ()
    """Norms, before they were clipped."""
    updates: int | None = None
    epochs: float | None = None
    seconds: float | None = None


def logged(run: Path) -> Logged:
    """Empty for a run whose events are gone."""
    losses: list[float] = []
    gradients: list[float] = []
    last: dict[str, float] = {}
    for event in _train_events(run / "events.jsonl"):
        loss, gradient = _number(event.get("loss")), _number(event.get("grad_norm"))
        if loss is not None:
            losses.append(loss)
        if gradient is not None:
            gradients.append(gradient)
        for name in ("step", "epoch", "train_runtime"):
            value = _number(event.get(name))
            if value is not None and math.isfinite(value) and value > 0:
                last[name] = value
    updates = last.get("step")
    return Logged(
        losses,
        gradients,
        int(updates) if updates is not None else None,
        last.get("epoch"),
        last.get("train_runtime"),
    )


def training(run: Path) -> dict[str, Any]:
    """The report's `training`: updates, epochs, losses, tokens seen and seconds. What was not recorded is absent."""
    found = logged(run)
    finite = [loss for loss in found.losses if math.isfinite(loss)]
    known: dict[str, Any] = {"updates": found.updates, "epochs": found.epochs, "seconds": found.seconds}
    if finite:
        # The first and the last as they were printed: one that is no number is absent, and a warning says so.
        ends = {"first": found.losses[0], "last": found.losses[-1], "lowest": min(finite)}
        known["loss"] = {name: value for name, value in ends.items() if math.isfinite(value)}
    if found.losses:
        known["logged"] = len(found.losses)
    tokens = _tokens(run)
    kept, trims = tokens.get("kept"), tokens.get("trims")
    if isinstance(kept, int) and found.epochs is not None:
        known["tokens_seen"] = round(kept * found.epochs)
    if isinstance(trims, list) and trims and known["updates"] is not None:
        known["trims"] = trims
    if isinstance(tokens.get("trained_share"), float) and known["updates"] is not None:
        known["trained_share"] = tokens["trained_share"]
    return {name: value for name, value in known.items() if value is not None}


def _tokens(run: Path) -> Mapping[str, Any]:
    """What the prepare step counted: `kept`, tokens that one epoch sees, `trims`, what of rows that are too long is not, and
    `trained_share`, the part of the tokens that is learned, where it is not all."""
    found = known_of_preparation(run).get("tokens")
    return found if isinstance(found, Mapping) else {}


def _train_events(file: Path) -> Iterator[Mapping[str, Any]]:
    """Without those of our own steps around training, which say `what` they do. A line that was cut short is passed over."""
    if not file.is_file():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                event = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and event.get("stage") == "train" and not event.get("what"):
                yield event


def _number(value: object) -> float | None:
    """JSON has no nan: the events hold it, and the infinities, as words."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
