"""How far a step is: read from what transformers' Trainer prints, or said by a step of our own."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping


class TrainerProgress:
    """Understands what transformers' Trainer and its callbacks print: tqdm bars and dictionaries of numbers.

    A loss is printed before the bar moves on to its step, so it waits for the bar.
    """

    BAR = re.compile(
        r"^(?P<what>.{0,120}?)\s*\d+%\|[^|]*\|\s*(?P<step>\d{1,15})/(?P<total>\d{1,15}) \[[\d:]+<(?P<left>(?:\d{1,9}:){0,3}\d{1,9}|\?),[^\]]*\]"
    )
    NUMBERS = re.compile(r"\{'[\w/.-]+': .*\}\s*$")
    NUMBER = re.compile(r"'([\w/.-]+)': '?([-+]?(?:\d+(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf))(?=['},]|$)")
    NAMES = {  # noqa: RUF012 - a constant
        "loss": "loss", "learning_rate": "lr", "epoch": "epoch", "eval_loss": "eval_loss", "train_loss": "train_loss",
        "train_runtime": "train_runtime", "grad_norm": "grad_norm",
    }  # fmt: skip

    def __init__(self, emit: Callable[[Mapping[str, object]], None]) -> None:
        self._emit = emit
        self._place: dict[str, object] = {}
        self._waiting: dict[str, object] = {}
        self._last: dict[str, object] = {}
        self._emitted = 0.0
        self._emitted_step: object = None

    def feed(self, line: str) -> None:
        if bar := self.BAR.match(line):
            self._bar(bar)
        if found := self.NUMBERS.search(line):
            self._numbers({name: _number(text) for name, text in self.NUMBER.findall(found.group())})

    def close(self) -> None:
        """Say what has not been said: the numbers that wait, or the last step."""
        if self._waiting or self._place.get("step") != self._emitted_step:
            self._send()

    def _bar(self, bar: re.Match[str]) -> None:
        total = int(bar["total"])
        # A bar with words is a download or a tokenizer; one with another total is an evaluation in between.
        if bar["what"].strip() or self._place.get("total", total) != total:
            return
        step = int(bar["step"])
        if step == self._place.get("step") and not self._waiting:
            return
        self._place = {"step": step, "total": total}
        if bar["left"] != "?":
            self._place["eta"] = _seconds(bar["left"])
        if self._waiting or step == total or time.monotonic() - self._emitted >= 1.0:
            self._send()

    def _numbers(self, numbers: Mapping[str, object]) -> None:
        known = {self.NAMES[name]: value for name, value in numbers.items() if name in self.NAMES}
        # A trainer's callback and transformers' own print the same numbers, the second with fewer digits of the epoch.
        same = {**known, "epoch": round(float(str(known.get("epoch", 0))), 2)}
        if len(same) == 1 or same == self._last:
            return
        self._last = same
        if "loss" not in known:
            place = {name: value for name, value in self._place.items() if name != "eta"}
            self._emit({**place, **known})
            return
        if self._waiting:
            self._send()
        self._waiting = known

    def _send(self) -> None:
        self._emit({**self._place, **self._waiting})
        self._waiting, self._emitted, self._emitted_step = {}, time.monotonic(), self._place.get("step")


def _number(text: str) -> object:
    """A number; `nan` and `inf`, which JSON has no number for, stay words."""
    value = float(text)
    if not math.isfinite(value):
        return text
    return int(text) if text.lstrip("+-").isdigit() else value


def _seconds(clock: str) -> int:
    total = 0
    for part in clock.split(":"):
        total = 60 * total + int(part)
    return total


PROGRESS = "::progress "
PROGRESS_KEYS = (
    *("what", "step", "total", "unit", "rate", "eta"),
    *("loss", "lr", "epoch", "grad_norm", "eval_loss", "train_loss", "train_runtime"),
)


def own_progress(line: str) -> dict[str, object] | None:
    """The known keys of a `::progress {…}` line of one of our own steps; None for any other line."""
    if not line.startswith(PROGRESS):
        return None
    try:
        document = json.loads(line[len(PROGRESS) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    known = {key: document[key] for key in PROGRESS_KEYS if isinstance(document.get(key), (str, int, float))}
    # Python's json reads and writes NaN, which is no JSON.
    return {key: value if _is_json(value) else str(value) for key, value in known.items()}


def _is_json(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
