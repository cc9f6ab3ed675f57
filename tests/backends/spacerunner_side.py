"""Runs in the autotrain environment: AutoTrain's own SpaceRunner makes a Space of a config, on the Hub of HF_ENDPOINT.

<python> spacerunner_side.py CONFIG OUT      OUT: {"space": its id, "classes": {task id: parameter class}}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from autotrain.backends.spaces import SpaceRunner
from autotrain.parser import AutoTrainConfigParser


def main() -> None:
    config, out = sys.argv[1:]
    parser = AutoTrainConfigParser(config)
    params = parser.task_param_map[parser.task](**parser.parsed_config)
    runner = SpaceRunner(params=params, backend=parser.backend)
    answer = {"space": runner.create(), "task_id": runner.task_id, "class": type(params).__name__}
    Path(out).write_text(json.dumps(answer), encoding="utf-8")


if __name__ == "__main__":
    main()
