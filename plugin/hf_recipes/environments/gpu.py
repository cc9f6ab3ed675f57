"""Whether torch can use the GPU here, and another torch where it cannot.

The torch of the package index is built for the newest drivers alone; those of rented machines are often a year older. It says so
in a warning, and computes on the CPU. The same release for older drivers comes from PyTorch's own index.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from hf_recipes.environments.failed import EnvironmentFailed
from hf_recipes.environments.uv_process import run_uv

BUILT_FOR_A_DRIVER = ("torch", "torchvision")
SECONDS = 300
"""To import torch for the first time."""
DEVICES = Path("/dev")
# 3 of all codes: what Python itself ends with is 1 or 2.
QUESTION = """
import sys
try:
    import torch
except ImportError:
    sys.exit(0)
if torch.version.cuda and not torch.cuda.is_available():
    try:
        torch.cuda.init()
    except Exception as error:
        print(str(error).split(". ")[0])
    sys.exit(3)
"""


def unusable(python: Path) -> str:
    """Why the torch of an interpreter cannot use the GPU that is here; empty where it can, or there is none to use."""
    if not _gpu_here():
        return ""
    try:
        asked = subprocess.run(
            [str(python), "-c", QUESTION],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if asked.returncode != 3:
        return ""
    return " ".join(asked.stdout.split())[-200:] or "torch finds none"


def fit(python: Path, install: Sequence[str], *, say: Callable[[str], None], doing: str) -> None:
    """Where the installed torch cannot use the GPU: the same one for its driver, as far as there is one.

    `install` is the uv command that has made the environment.
    """
    why = unusable(python)
    if not why:
        return
    say(f"torch cannot use the GPU here ({why}): fetching it for an older driver")
    again = [word for name in BUILT_FOR_A_DRIVER for word in ("--reinstall-package", name)]
    try:
        run_uv([*install, "--torch-backend", "auto", *again], say=say, doing=doing)
    except EnvironmentFailed as error:
        say(f"  there is none: {error}")


def _gpu_here() -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return False
    if any(DEVICES.glob("nvidia[0-9]*")):
        return True
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU " in listed.stdout
