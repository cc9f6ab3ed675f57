"""What a person installs: the built wheel in an empty environment, with no checkout near it, alone and as an extension of `hf`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
from datetime import datetime, timezone
from pathlib import Path

import pytest
from huggingface_hub.cli.extensions import ExtensionManifest

from hf_recipes import environments

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv("building the wheel", "build", "-q", "--wheel", "--out-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin/ folder of a new environment that holds the wheel and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    uv("making an environment", "venv", "-q", "--python", sys.executable, str(folder / "venv"))
    uv("installing", "pip", "install", "-q", "--python", str(folder / "venv" / "bin" / "python"), str(wheel))
    return folder / "venv" / "bin"


def uv(doing: str, *arguments: str) -> None:
    environments.run_uv(arguments, say=print, doing=doing)


def call(installed: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(installed / "hf-recipes"), *arguments], cwd=cwd, capture_output=True, text=True, env=clean()
    )


def clean(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, **more}


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


def test_as_an_extension_it_installs_within_a_minute_and_hf_recipes_works(
    wheel: Path, tmp_path: Path
) -> None:
    """`hf extensions install` but for GitHub: its own venv and pip call, with the wheel for the archive; then `hf` itself."""
    folder = tmp_path / ".local/share/hf/extensions/hf-recipes"
    began = time.monotonic()
    venv.EnvBuilder(with_pip=True, symlinks=True).create(str(folder / "venv"))
    python = folder / "venv/bin/python"
    options = ("--disable-pip-version-check", "--no-input", "--force-reinstall", "-q")
    subprocess.run([str(python), "-m", "pip", "install", *options, str(wheel)], check=True, env=clean())
    assert time.monotonic() - began < 60
    ExtensionManifest(
        owner="ada",
        repo="hf-recipes",
        repo_id="ada/hf-recipes",
        short_name="recipes",
        executable_path=str(folder / "venv/bin/hf-recipes"),
        type="python",
        installed_at=datetime.now(timezone.utc),
    ).save(folder)

    def hf(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("hf")), *arguments]
        settings = clean(HOME=str(tmp_path), HF_HUB_DISABLE_UPDATE_CHECK="1")
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=settings)

    help_text = hf("recipes", "--help")
    assert help_text.returncode == 0 and help_text.stdout.startswith("Usage: hf recipes "), help_text
    assert "recipes" in hf("extensions", "list").stdout
    assert hf("recipes", "new", "ingredient-parser").returncode == 0
    assert hf("recipes", "validate", "ingredient-parser/recipe.yml").returncode == 0
    refused = hf("recipes", "validate", "missing.yml")
    assert refused.returncode == 2 and "missing.yml" in refused.stderr
