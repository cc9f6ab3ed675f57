"""The shipped sets, a person's own interpreter, and the places where things are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes import environments
from hf_recipes.environments import EnvironmentFailed
from hf_recipes.environments.make import ensure_set
from hf_recipes.environments.sets import ENGINES, FILES, RequirementSet, requirement_set

VISION = {"torchvision", "timm", "albumentations", "pycocotools"}


def left_out(name: str) -> set[str]:
    lines = [line for path in requirement_set(name).overrides for line in path.read_text().splitlines()]
    return {line.split(" ;")[0] for line in lines if line.endswith('python_version < "0"')}


def test_a_set_leaves_out_what_its_tasks_do_not_need_and_nothing_that_they_do() -> None:
    assert left_out("autotrain") >= VISION | {"xgboost"}
    assert not left_out("autotrain-vision") & VISION and "xgboost" in left_out("autotrain-vision")
    assert left_out("autotrain-tabular") >= VISION and "xgboost" not in left_out("autotrain-tabular")
    assert "torchvision" in requirement_set("autotrain-vision").packages()


@pytest.mark.parametrize("name", environments.set_names())
def test_every_set_pins_what_it_asks_for_and_names_no_host(name: str) -> None:
    requirements = requirement_set(name)
    pinned = {
        line.split("==")[0].replace("_", "-")
        for path in (*requirements.pins, *requirements.requirements)
        for line in path.read_text().splitlines()
        if "==" in line
    }
    assert {package.lower().replace("_", "-") for package in requirements.packages()} <= pinned
    for path in (*requirements.requirements, *requirements.pins, *requirements.overrides):
        assert "://" not in path.read_text() and "+cpu" not in path.read_text()


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(EnvironmentFailed, match="did you mean autotrain-vision"):
        environments.ensure("autotrain-vison", say=print)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("name", "python"),
    [
        (name, f"3.{minor}")
        for name in environments.set_names()
        for minor in range(requirement_set(name).oldest[1], 14)
    ],
)
def test_every_set_has_wheels_for_every_python(
    name: str, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Resolving for a Python needs no such Python here.
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    requirements = requirement_set(name)
    command = ["pip", "compile", "--quiet", "--python-version", python, *map(str, requirements.requirements)]
    command += ["--output-file", str(tmp_path / "resolved.txt")]
    for path in requirements.pins:
        command += ["--constraints", str(path)]
    for path in requirements.overrides:
        command += ["--overrides", str(path)]
    # These are published as source alone, and build without a compiler.
    command += ["--only-binary", ":all:"]
    for package in ("seqeval", "rouge-score", "deepspeed"):
        command += ["--no-binary", package]
    environments.run_uv(command, say=print, doing=f"resolving {name} for Python {python}")
    assert "torch==2.13.0" in (tmp_path / "resolved.txt").read_text()


def an_own(tmp_path: Path, requirements: str) -> RequirementSet:
    path = tmp_path / "requirements.txt"
    path.write_text(requirements)
    return RequirementSet("tiny", (path,), (), (), "TINY_PYTHON")


def test_an_own_interpreter_stands_in_when_it_has_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_PYTHON", sys.executable)
    assert ensure_set(an_own(tmp_path, "click\npyyaml\n"), say=print) == Path(sys.executable).absolute()
    assert not (environments.cache_dir() / "environments").exists()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (sys.executable, "lacks no-such-package-here; install what tiny needs there"),
        ("/no/such/python", "is no program that can be run"),
        ("true", "is no Python interpreter that runs"),
    ],
)
def test_an_own_interpreter_that_cannot_do_it_is_refused_by_name(
    value: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_PYTHON", value)
    with pytest.raises(EnvironmentFailed, match=says) as failure:
        ensure_set(an_own(tmp_path, "click\nno-such-package-here\n"), say=print)
    assert "TINY_PYTHON" in str(failure.value)


def test_the_package_path_gives_our_package_and_nothing_beside_it() -> None:
    path = environments.package_path()
    assert [each.name for each in path.iterdir()] == ["hf_recipes"]
    code = "import hf_recipes, sys; print(hf_recipes.__file__)"
    command = [sys.executable, "-S", "-c", code]
    done = subprocess.run(command, env={"PYTHONPATH": str(path)}, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).parents[1] == path
    assert environments.package_path() == path


def test_where_things_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert environments.cache_dir() == tmp_path / "home"
    monkeypatch.delenv("HF_RECIPES_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert environments.cache_dir() == tmp_path / "xdg" / "hf-recipes"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    assert environments.cache_dir() == tmp_path / "user" / ".cache" / "hf-recipes"


def test_every_requirement_file_is_used() -> None:
    used = {
        path
        for name in environments.set_names()
        for path in (
            *requirement_set(name).pins,
            *requirement_set(name).requirements,
            *requirement_set(name).overrides,
        )
    }
    by_lock = {FILES / "inference-limits.txt"}
    assert {*FILES.glob("*.txt"), *ENGINES.glob("*/requirements/*.txt")} <= used | by_lock


@pytest.mark.e2e
def test_adapters_can_be_trained_where_torch_brings_triton(tmp_path: Path) -> None:
    """torch for GPUs, which is what a machine without them gets from PyPI too, comes with Triton; peft then imports more."""
    python = environments.ensure("autotrain", say=print)
    install = ["pip", "install", "--quiet", "--no-deps", "--python", str(python), "--target", str(tmp_path)]
    environments.run_uv([*install, "triton>=3.3"], say=print, doing="installing Triton")
    code = "import triton, peft.tuners.lora.bnb, transformers.integrations.bitsandbytes as b; print(triton.__file__)"
    done = subprocess.run(
        [str(python), "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))
