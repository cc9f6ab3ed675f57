"""Runs in the autotrain environment: what AutoTrain itself makes of configs, as JSON in OUT (it logs to stdout).

<python> autotrain_side.py OUT CONFIG…      {file: {"params": {…}, "launch": {gpus: argv}}}
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import torch
from autotrain import commands
from autotrain.parser import AutoTrainConfigParser


def parameters(path: str) -> object:
    parser = AutoTrainConfigParser(path)
    return parser.task_param_map[parser.task](**parser.parsed_config)


def launches(path: str) -> dict[str, list[str]]:
    found = {}
    for gpus in (0, 1, 2, 4):
        torch.cuda.is_available = lambda gpus=gpus: gpus > 0
        torch.cuda.device_count = lambda gpus=gpus: gpus
        # launch_command appends to its module's own lists: each call needs them fresh.
        importlib.reload(commands)
        found[str(gpus)] = [str(part) for part in commands.launch_command(parameters(path))]
    return found


def main() -> None:
    out, *paths = sys.argv[1:]
    answer = {path: {"params": parameters(path).model_dump(), "launch": launches(path)} for path in paths}
    Path(out).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
