"""What a command learns it asks once: the recipe's file, its rules, the size of the base, the machine."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.api import batch, lifecycle, recipes
from hf_recipes.cli.main import cli
from hf_recipes.engines import autotrain
from hf_recipes.estimates import model_size

SHIPPED = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"
MATRIX = ("matrix={params.lr: [1e-4, 2e-4, 3e-4]}", "evaluate.limit=4", "data.limit=20")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], Counter[str]]:
    """How often each thing has been asked."""
    counts: Counter[str] = Counter()

    def counting(home: Any, name: str) -> None:
        real = getattr(home, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(home, name, counted)

    counting(recipes, "read_recipe_file")
    counting(model_size, "read_base")
    counting(autotrain, "check_base")
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(f"#!/bin/sh\necho asked >> {tmp_path}/nvidia.log\nexit 1\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}{os.pathsep}{os.environ['PATH']}")

    def so_far() -> Counter[str]:
        log = tmp_path / "nvidia.log"
        counts["nvidia-smi"] = len(log.read_text().splitlines()) if log.exists() else 0
        return counts

    return so_far


def test_a_plan(asked: Callable[[], Counter[str]], capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(args=["plan", str(SHIPPED), "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["data"]["rows"]["train"] == 640
    assert asked() == {"read_recipe_file": 1, "read_base": 1, "check_base": 1, "nvidia-smi": 1}


def test_the_runs_of_a_matrix(asked: Callable[[], Counter[str]], tmp_path: Path) -> None:
    checked = batch.check_batch(batch.recipes([SHIPPED], MATRIX))
    assert lifecycle.costs(checked, say=print) == [None] * 3
    runs = batch.create_runs(checked, runs_dir=tmp_path / "runs")
    assert len(runs) == 3
    assert asked() == {"read_recipe_file": 1, "read_base": 1, "check_base": 3, "nvidia-smi": 1}
