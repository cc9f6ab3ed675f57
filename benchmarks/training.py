"""The quickstart job through us against `autotrain --config` on the recipe that we export, in the same environment.

Both are whole commands, one after the other on the same machine: ours with preparing, training and verifying (no evaluation,
AutoTrain has none). Prints the ratio of the times and of the final training losses; ends with 1 when the time ratio is
above 0.60 or the losses differ by more than 2 %.

AutoTrain draws the adapter's first weights and the order of packing anew each time, which alone moves the loss by more than
that; our runs draw both from the recipe's seed. So that the losses can be compared, AutoTrain's trainer gets the same seed.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hf_recipes import environments
from hf_recipes.engines.autotrain.shims import seeded

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "ingredient-parser" / "recipe.yml"
SITECUSTOMIZE = """\
import runpy, sys
if sys.orig_argv[1:3] == ["-m", "autotrain.trainers.clm"] or sys.orig_argv[2:4] == ["-m", "autotrain.trainers.clm"]:
    runpy.run_path({seeded!r})["seed"](42)
"""
HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))


def main() -> int:
    for name in ("autotrain", "inference"):
        environments.ensure(name, say=print)
    with tempfile.TemporaryDirectory() as folder:
        ours, our_loss = through_us(Path(folder))
        theirs, their_loss = through_autotrain(Path(folder))
    print(f"hf-recipes run        {ours:7.1f} s   final training loss {our_loss:.4f}")
    print(f"autotrain --config    {theirs:7.1f} s   final training loss {their_loss:.4f}")
    print(
        f"time ratio {ours / theirs:.2f} (bound 0.60), loss ratio {our_loss / their_loss:.4f} (bound 1 ± 0.02)"
    )
    return 0 if ours / theirs <= 0.60 and abs(our_loss / their_loss - 1) <= 0.02 else 1


def through_us(folder: Path) -> tuple[float, float]:
    began = time.perf_counter()
    command = [
        HF_RECIPES,
        "run",
        str(RECIPE),
        "--set",
        "evaluate=null",
        "--runs-dir",
        str(folder / "runs"),
        "--json",
    ]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.perf_counter() - began
    return seconds, train_loss(Path(json.loads(printed)["run_dir"], "train.log").read_text())


def through_autotrain(folder: Path) -> tuple[float, float]:
    exported = folder / "exported"
    subprocess.run(
        [HF_RECIPES, "export", str(RECIPE), "--to", "autotrain", "--output", str(exported)], check=True
    )
    autotrain = environments.ensure("autotrain", say=print).with_name("autotrain")
    # As after activating the environment: AutoTrain starts `accelerate` by its bare name.
    activated = {**os.environ, "PATH": f"{autotrain.parent}{os.pathsep}{os.environ['PATH']}"}
    (folder / "seed").mkdir()
    (folder / "seed" / "sitecustomize.py").write_text(SITECUSTOMIZE.format(seeded=seeded.__file__))
    # A cache that holds the rows as they were packed once would hand out that order again.
    activated |= {"PYTHONPATH": str(folder / "seed"), "HF_DATASETS_CACHE": str(folder / "datasets")}
    began = time.perf_counter()
    printed = subprocess.run(
        [str(autotrain), "--config", "config.yml"],
        cwd=exported, env=activated, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ).stdout  # fmt: skip
    seconds = time.perf_counter() - began
    return seconds, train_loss(printed)


def train_loss(log: str) -> float:
    """The mean loss over all steps, as the trainer sums it up in its last line.

    Raises ValueError when training did not come that far.
    """
    found = re.findall(r"'train_loss': ([0-9.e+-]+)", log)
    if not found:
        raise ValueError("no train_loss in the log; its end is:\n" + log[-2000:])
    return float(found[-1])


if __name__ == "__main__":
    sys.exit(main())
