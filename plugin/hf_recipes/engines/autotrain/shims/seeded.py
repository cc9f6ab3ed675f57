"""Trains with the recipe's seed, HF_RECIPES_SEED.

AutoTrain 0.8.36 reads `seed` for seq2seq alone: elsewhere transformers' default orders the rows whatever the recipe says, and
that only once the model stands. What is drawn before, an adapter's or a classifier's first weights and how rows are packed,
differs each time.
"""

from __future__ import annotations

import os
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


def prepare() -> None:
    seed(int(os.environ["HF_RECIPES_SEED"]))
