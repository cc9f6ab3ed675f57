"""Runs a trainer of AutoTrain whose model DeepSpeed splits over several GPUs.

    python sharded.py autotrain.trainers.clm --training_config FILE    # or a script in the module's place

A copy of this file goes with such a job and runs in its environment. transformers 4.48 makes two groups of weights, one of
them without weight decay, and an adapter leaves that one empty. DeepSpeed drops an empty group once the learning rate's
schedule has counted it, and torch since 2.10 ends the run at the first step because the two numbers differ.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any


def drop_empty_groups() -> None:
    """Leave groups without weights out before anything counts them."""
    import transformers

    create = transformers.Trainer.create_optimizer

    def create_optimizer(self: Any) -> Any:
        optimizer = create(self)
        optimizer.param_groups[:] = [group for group in optimizer.param_groups if group["params"]]
        return optimizer

    transformers.Trainer.create_optimizer = create_optimizer


def main() -> None:
    program = sys.argv.pop(1)
    drop_empty_groups()
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
