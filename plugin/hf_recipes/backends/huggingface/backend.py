"""Spaces and HF Jobs as a backend. What is not needed to list runs is imported where it is used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hf_recipes.backends.huggingface.monitor import cancel, facts, logs, look, refresh, watch

__all__ = ["begin", "cancel", "facts", "logs", "look", "refresh", "watch"]


def begin(run: Path, *, attached: bool, say: Callable[[str], None]) -> None:
    """`attached` changes nothing: what has been sent needs this machine no more."""
    from hf_recipes.backends.huggingface import submit

    submit.begin(run, say=say)
