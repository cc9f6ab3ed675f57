"""Starts a trainer of AutoTrain 0.8.36, once what it does wrong by itself has been set right.

    python start.py seeded,no_pickles autotrain.trainers.clm --training_config FILE    # or a script in the module's place

Each preparation is a file beside this one. Copies of them go with a job and run in the autotrain environment, in each of the
trainer's processes, where nothing else of ours is.
"""

from __future__ import annotations

import importlib
import runpy
import sys


def main() -> None:
    preparations, program = sys.argv[1].split(","), sys.argv[2]
    del sys.argv[1:3]
    modules = [importlib.import_module(name) for name in preparations]
    del sys.path[0]  # this folder, in which the trainer has nothing to look for
    for module in modules:
        module.prepare()
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
