"""Renders with the chat template's options that models are asked with later.

The prepare step has written the options to prepared.json, in the folder where the trainer works: {"enable_thinking": false}
where the template knows it and the answers hold no reasoning. AutoTrain renders without any, so that a template whose
default is to reason would train on one prompt and be measured by another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREPARED = Path("prepared.json")


def options() -> dict[str, Any]:
    """Empty where the prepare step found none."""
    try:
        found = json.loads(PREPARED.read_text(encoding="utf-8"))["prompt"]["options"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return dict(found) if isinstance(found, Mapping) else {}


def render_with(wanted: Mapping[str, Any]) -> None:
    """Let every chat template be rendered with these options, where the caller says nothing else."""
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    render = PreTrainedTokenizerBase.apply_chat_template

    def apply_chat_template(self: Any, *arguments: Any, **more: Any) -> Any:
        return render(self, *arguments, **{**wanted, **more})

    PreTrainedTokenizerBase.apply_chat_template = apply_chat_template


def prepare() -> None:
    if wanted := options():
        render_with(wanted)
