"""The walls of the house: who may import whom, and what never stands in the core."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "plugin" / "hf_recipes"
HEAVY = {
    "torch",
    "transformers",
    "peft",
    "datasets",
    "gradio",
    "accelerate",
    "safetensors",
    "numpy",
    "pandas",
    "pyarrow",
}

LADDER = (
    "cli",
    "api",
    "backends",
    "hub",
    "steps",
    "engines",
    "inference",
    "evaluation",
    "estimates",
    "data",
    "sql",
    "endpoint",
    "environments",
    "record",
    "recipe",
    "runner",
    "catalog",
    "resources",
)
"""From the roof down: a room imports only rooms below it."""


def modules() -> list[Path]:
    return sorted(
        path for path in PACKAGE.rglob("*.py") if "shipped" not in path.relative_to(PACKAGE).parts[:-1]
    )


def imports(path: Path) -> set[str]:
    """Full dotted names of what a module imports, at any depth; relative ones resolved."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ["hf_recipes", *path.relative_to(PACKAGE).parts[:-1]]
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(part for part in (base, node.module or "") if part)
            found |= {name, *(f"{name}.{alias.name}" for alias in node.names)}
    return found


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else ""


def rooms_beside(path: Path) -> set[str]:
    """The other rooms, and modules beside them, that a module imports."""
    own = Path(path.relative_to(PACKAGE).parts[0]).stem
    return {room(name) for name in imports(path) if name.startswith("hf_recipes.")} - {"", own, "__version__"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    own = Path(path.relative_to(PACKAGE).parts[0]).stem
    if own != "__init__":
        assert rooms_beside(path) <= set(LADDER[LADDER.index(own) + 1 :])


def test_every_room_has_its_floor() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms | {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} == set(LADDER)


SHIMS = PACKAGE / "engines" / "autotrain" / "shims"
"""They run in the trainer's interpreter, where nothing else of ours is."""
TRAINING = "training"
"""The folder of an engine whose modules run in its own interpreter."""


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_core_never_imports_what_trains_or_generates(path: Path) -> None:
    goes_to_the_trainer = path.parent == SHIMS or path.parent.name == TRAINING
    room = path.relative_to(PACKAGE).parts[0]
    # Reports are built in the inference interpreter, with NumPy inside functions; the core reads them.
    allowed = {"numpy"} if room == "evaluation" else set()
    if room not in ("inference", "steps") and not goes_to_the_trainer:
        assert not {name.split(".")[0] for name in imports(path)} & HEAVY - allowed


@pytest.mark.parametrize(
    "path",
    [*sorted((PACKAGE / "runner").glob("*.py")), *sorted(SHIMS.glob("*.py"))],
    ids=lambda path: path.name,
)
def test_what_travels_with_a_job_needs_only_the_standard_library(path: Path) -> None:
    assert path.stem not in sys.stdlib_module_names, "a file that is started by its path hides it"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]
            )
            others = {
                each for each in names if each.split(".")[0] not in {*sys.stdlib_module_names, "__future__"}
            }
            assert all(each.startswith("hf_recipes.runner.") for each in others)


@pytest.mark.parametrize(
    "start", [["-m", "hf_recipes.runner.run"], ["hf_recipes/runner/run.py"]], ids=["module", "path"]
)
def test_the_runner_works_where_nothing_else_of_ours_is(start: list[str], tmp_path: Path) -> None:
    """As on another machine: no packages, and of hf_recipes only what goes with a job."""
    shutil.copytree(PACKAGE / "runner", tmp_path / "hf_recipes" / "runner")
    shutil.copy(PACKAGE / "__init__.py", tmp_path / "hf_recipes")
    run = tmp_path / "run"
    run.mkdir()
    step = {
        "name": "prepare",
        "stage": "prepare",
        "requirements": "core",
        "argv": ["{python}", "-c", "print('done')"],
    }
    (run / "job.json").write_text(json.dumps({"project_name": "tiny", "steps": [step]}))
    (run / "state.json").write_text(json.dumps({"state": "queued"}))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-S", *start, str(run)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((run / "state.json").read_text())["state"] == "succeeded"
    assert "done" in (run / "train.log").read_text()


def test_the_command_works_where_nothing_heavy_can_be_imported() -> None:
    blocked = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ImportError(name + " is blocked in the core")
sys.meta_path.insert(0, Block())
import importlib
from hf_recipes.cli.main import COMMANDS, cli
for module, _ in COMMANDS.values():
    importlib.import_module("hf_recipes.cli." + module)
import hf_recipes.api.lifecycle, hf_recipes.api.batch, hf_recipes.api.decide, hf_recipes.api.compare
cli.main(args=["validate", sys.argv[1]], standalone_mode=False)
"""
    recipe = PACKAGE.parents[1] / "recipes" / "ingredient-parser" / "recipe.yml"
    done = subprocess.run([sys.executable, "-c", blocked, str(recipe)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nothing_in_the_package_writes_a_machine_path_or_a_registry() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        for word in ("python" + "hosted.org", "py" + "pi.org", "/opt/" + "wheels", "/ro" + "ot/"):
            assert word not in text, f"{path} names {word}"


NAMES_AUTOTRAIN = {
    "__init__.py",
    "backends/huggingface/image.py",  # the image that Spaces are built from has its name
    "cli/export.py",
    "cli/main.py",
    "cli/schema.py",
    "engines/registry.py",
    "engines/trl/parameters.py",  # whose names and defaults a recipe's parameters have, for every engine
    "recipe/fields.py",  # where a key comes from: AutoTrain's YAML is a valid recipe
}


def test_outside_its_folder_an_engine_is_named_by_the_registry_and_to_people_alone() -> None:
    naming = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if "autotrain" in path.read_text(encoding="utf-8").lower()
    }
    assert {path for path in naming if not path.startswith("engines/autotrain/")} == NAMES_AUTOTRAIN
