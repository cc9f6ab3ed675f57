"""Runs a language model's trainer of AutoTrain with the chat template's options that models are asked with later.

    python chat_options.py autotrain.trainers.clm --training_config FILE    # or a script in the module's place

A copy of this file goes with a job and runs in the autotrain environment. The prepare step has written the options to
prepared.json, in this folder: {"enable_thinking": false} where the template knows it and the answers hold no reasoning. AutoTrain
renders without any, so that a template whose default is to reason would train on one prompt and be measured by another.
"""

from __future__ import annotations

import json
import runpy
import sys
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


def main() -> None:
    program = sys.argv.pop(1)
    if wanted := options():
        render_with(wanted)
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
