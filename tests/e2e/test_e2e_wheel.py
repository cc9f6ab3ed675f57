"""What a person installs: the built wheel in an empty environment, with no checkout near it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes import environments

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ folder of a new environment that holds the wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("building the wheel", "build", "-q", "--wheel", "--out-dir", str(folder / "dist"), str(ROOT))
    (wheel,) = (folder / "dist").glob("*.whl")
    uv("making an environment", "venv", "-q", "--python", sys.executable, str(folder / "venv"))
    uv("installing", "pip", "install", "-q", "--python", str(folder / "venv" / "bin" / "python"), str(wheel))
    return folder / "venv" / "bin"


def uv(doing: str, *arguments: str) -> None:
    environments.run_uv(arguments, say=print, doing=doing)


def call(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(installed / "hf-recipes"), *arguments], cwd=cwd, capture_output=True, text=True, env=clean
    )


def test_the_wheel_carries_the_recipes_and_the_page(installed: Path, tmp_path: Path) -> None:
    assert call(installed, "new", "ingredient-parser", cwd=tmp_path).returncode == 0
    assert call(installed, "validate", "ingredient-parser/recipe.yml", cwd=tmp_path).returncode == 0
    (space,) = installed.parent.glob("lib/*/site-packages/hf_recipes/shipped/space")
    assert (space / "app.py").is_file() and (space / "requirements.txt").is_file()


def test_the_wheel_brings_nothing_that_trains(installed: Path) -> None:
    names = {
        path.name.split("-")[0].lower() for path in installed.parent.glob("lib/*/site-packages/*.dist-info")
    }
    assert "hf_recipes" in names
    assert not names & {"torch", "transformers", "datasets", "gradio", "pydantic"}


def test_the_installed_plugin_plans_with_data_from_its_own_environment(
    installed: Path, tmp_path: Path
) -> None:
    call(installed, "new", "ingredient-parser", cwd=tmp_path)
    done = call(installed, "plan", "ingredient-parser/recipe.yml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["data"]["rows"]["test"] >= 300
    assert plan["overrides"]["disable_gradient_checkpointing"]["value"] is True
