"""The autotrain environment, made once for all tests here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# It reads the environment when it is imported: here, before a test that works offline leaves all later ones offline.
import huggingface_hub.constants  # noqa: F401
import pytest

SIDE = Path(__file__).with_name("autotrain_side.py")
CONFIGS = Path(__file__).resolve().parents[1] / "recipe" / "configs"
VARIABLES = {"HF_TOKEN": "not-a-real-token", "HF_USERNAME": "somebody"}
"""What the configs take out of the environment."""


@pytest.fixture(scope="session")
def configs() -> list[Path]:
    """AutoTrain-format configs, at least one for each task."""
    found = sorted(CONFIGS.glob("*.yml"))
    assert len(found) > 20
    return found


@pytest.fixture(scope="session")
def autotrain_python() -> Path:
    from hf_recipes import environments

    return environments.ensure("autotrain", say=lambda text: print(text, file=sys.stderr))


@pytest.fixture(scope="session")
def inference_python() -> Path:
    from hf_recipes import environments

    return environments.ensure("inference", say=lambda text: print(text, file=sys.stderr))


@pytest.fixture(scope="session")
def autotrain_says(
    autotrain_python: Path, configs: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[Path, dict[str, Any]]:
    """What AutoTrain itself makes of every config: {"params", "launch"}. One process for all."""
    out = tmp_path_factory.mktemp("autotrain") / "answer.json"
    command = [str(autotrain_python), str(SIDE), str(out), *map(str, configs)]
    done = subprocess.run(command, env={**os.environ, **VARIABLES}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return {Path(path): answer for path, answer in json.loads(out.read_text("utf-8")).items()}
