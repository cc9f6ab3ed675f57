"""Trains a model that DeepSpeed splits over several GPUs.

transformers 4.48 makes two groups of weights, one of them without weight decay, and an adapter leaves that one empty.
DeepSpeed drops an empty group once the learning rate's schedule has counted it, and torch since 2.10 ends the run at the first
step because the two numbers differ.
"""

from __future__ import annotations

from typing import Any


def prepare() -> None:
    """Leave groups without weights out before anything counts them."""
    import transformers

    create = transformers.Trainer.create_optimizer

    def create_optimizer(self: Any) -> Any:
        optimizer = create(self)
        optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]
        return optimizer

    transformers.Trainer.create_optimizer = create_optimizer
