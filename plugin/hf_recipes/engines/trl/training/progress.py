"""How far the training is, in the words that the runner reads."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

NAMES = {"learning_rate": "lr"}
SHOWN = ("loss", "learning_rate", "epoch", "grad_norm", "eval_loss", "train_loss", "train_runtime")
BETWEEN = 1.0
"""Seconds between two lines that hold no loss."""


def tell_progress() -> Any:
    """A callback of transformers' Trainer."""
    from transformers import TrainerCallback

    class TellProgress(TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self._began = self._told = time.monotonic()
            self._before = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self._began, self._before = time.monotonic(), state.global_step

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if time.monotonic() - self._told >= BETWEEN:
                self._tell(state, {})

        def on_log(
            self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any
        ) -> None:
            found = {NAMES.get(name, name): _plain(logs[name]) for name in SHOWN if logs and name in logs}
            if set(found) - {"epoch"}:
                self._tell(state, found)

        def _tell(self, state: Any, numbers: Mapping[str, Any]) -> None:
            if not state.is_world_process_zero:
                return
            self._told = time.monotonic()
            line: dict[str, Any] = {"step": state.global_step, "total": state.max_steps, **numbers}
            done = state.global_step - self._before
            if done and "train_runtime" not in numbers:
                line["eta"] = round((self._told - self._began) / done * (state.max_steps - state.global_step))
            sys.stdout.write(f"::progress {json.dumps(line)}\n")
            sys.stdout.flush()

    return TellProgress()


def _plain(value: Any) -> Any:
    """A number as Python has it: transformers rounds some and writes them as text."""
    return value if isinstance(value, int) else float(value)
