"""How long a person waits for `validate` and `--help`, against `autotrain --help` and `trl --help`.

Each command is a whole process, the four taken in turn in every round so that a noisy machine is noisy for all of them;
the medians make the ratios. Prints them, and ends with 1 when a bound is not met:
`validate` and `--help` ≤ 0.35 s, and ≤ 1/15 of `autotrain --help`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from hf_recipes import environments

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "ingredient-parser" / "recipe.yml"
ROUNDS = 7


def main() -> int:
    hf_recipes = str(Path(sys.executable).with_name("hf-recipes"))
    autotrain = environments.ensure("autotrain", say=print)
    commands = {
        "hf-recipes validate": [hf_recipes, "validate", str(RECIPE)],
        "hf-recipes --help": [hf_recipes, "--help"],
        "autotrain --help": [str(autotrain.with_name("autotrain")), "--help"],
        "trl --help": [str(make_trl()), "--help"],
    }
    seconds = {name: statistics.median(times) for name, times in rounds(commands).items()}
    for name, value in seconds.items():
        print(f"{name:22} {value:7.3f} s   {value / seconds['autotrain --help']:.3f} of autotrain")
    print(f"hf-recipes --help / trl --help = {seconds['hf-recipes --help'] / seconds['trl --help']:.2f}")
    ours = [seconds["hf-recipes validate"], seconds["hf-recipes --help"]]
    return 0 if max(ours) <= 0.35 and max(ours) <= seconds["autotrain --help"] / 15 else 1


def rounds(commands: dict[str, list[str]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(ROUNDS + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if turn:  # the first round fills the page cache
                times[name].append(time.perf_counter() - began)
    return times


def make_trl() -> Path:
    """trl of today in an environment of its own below build/ (the one beside AutoTrain is from December 2024)."""
    folder = ROOT / "build" / "trl"
    if not (folder / "bin" / "trl").exists():
        python = str(folder / "bin" / "python")
        for arguments in (
            ["venv", "-q", str(folder)],
            ["pip", "install", "-q", "--python", python, "torch==2.13.0", "trl"],
        ):
            environments.run_uv(arguments, say=print, doing="making an environment for trl")
    return folder / "bin" / "trl"


if __name__ == "__main__":
    sys.exit(main())
