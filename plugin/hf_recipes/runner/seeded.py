"""Runs a trainer of AutoTrain with the recipe's seed.

    HF_RECIPES_SEED=42 python seeded.py autotrain.trainers.clm --training_config FILE    # or a script in the module's place

A copy of this file goes with a job and runs in the autotrain environment. AutoTrain 0.8.36 reads `seed` for seq2seq alone:
elsewhere transformers' default orders the rows whatever the recipe says, and that only once the model stands. What is drawn
before, an adapter's or a classifier's first weights and how rows are packed, differs each time.
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any


def seed(number: int) -> None:
    """Draw everything from `number`: Python, NumPy and torch from now on, and the Trainer's own draws later."""
    import transformers

    transformers.set_seed(number)
    settle = transformers.TrainingArguments.__post_init__

    def settle_seeded(self: Any) -> None:
        self.seed = number
        settle(self)

    transformers.TrainingArguments.__post_init__ = settle_seeded


def main() -> None:
    program = sys.argv.pop(1)
    seed(int(os.environ["HF_RECIPES_SEED"]))
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
