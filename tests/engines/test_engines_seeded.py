"""A recipe's seed settles what a trainer draws, before the model is made and after, in AutoTrain's own interpreter."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from hf_recipes.engines.autotrain.shims import start

TRAINER = """\
import json, random, sys
import numpy, torch, transformers
from trl import SFTConfig
arguments = [made(output_dir=sys.argv[2] + ".out", use_cpu=True) for made in (transformers.TrainingArguments, SFTConfig)]
drawn = [random.random(), float(numpy.random.rand()), float(torch.rand(()))]
print(json.dumps({"drawn": drawn, "seeds": [each.seed for each in arguments], "argv": sys.argv[1:]}))
"""


def trained(python: Path, folder: Path, seed: int) -> dict[str, Any]:
    trainer = folder / "trainer.py"
    trainer.write_text(TRAINER)
    command = [
        str(python),
        str(start.__file__),
        "seeded",
        str(trainer),
        "--training_config",
        str(folder / "params.json"),
    ]
    environment = {**os.environ, "HF_RECIPES_SEED": str(seed)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["argv"] == command[4:]
    return found


def test_the_same_seed_draws_the_same_and_another_does_not(autotrain_python: Path, tmp_path: Path) -> None:
    first, again, other = (trained(autotrain_python, tmp_path, seed) for seed in (7, 7, 8))
    assert first == again
    assert first["drawn"] != other["drawn"]
    assert first["seeds"] == [7, 7] and other["seeds"] == [8, 8]
