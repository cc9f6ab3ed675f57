"""A folder that the trainer would misread is told before anything is recorded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes.api.recipes import load_recipe
from hf_recipes.engines import autotrain

HF_RECIPES = Path(sys.executable).with_name("hf-recipes")
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"
IMAGES = """
task: image-classification
base_model: someone/vit
project_name: tiny
log: none
backend: local
data:
  path: images [old]
  train_split: train
  column_mapping: {image_column: image, target_column: label}
params: {epochs: 1}
"""


@pytest.mark.parametrize("name", ["in $HOME", "${USER}", "runs [a]", "what?", "all*", "a::b", "two\nlines"])
def test_no_run_is_recorded_below_a_folder_that_the_trainer_reads_as_a_pattern(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    done = subprocess.run([str(HF_RECIPES), "run", str(RECIPE)], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "") and "Traceback" not in done.stderr
    assert "cannot be trained in this folder: AutoTrain reads" in done.stderr and "--runs-dir" in done.stderr
    assert list(folder.iterdir()) == []


def test_usual_and_unusual_names_that_it_reads_right_are_left_alone(tmp_path: Path) -> None:
    for name in ("my runs", "ü & co", "50%", "a$b c", "(1)", "{x}", "#1", "~x", "l" * 200):
        problem = autotrain.check_runs_dir(tmp_path / name)
        assert (problem is None) is (name != "a$b c"), name
    long = autotrain.check_runs_dir(tmp_path.joinpath(*["l" * 200] * 12))
    assert long is not None and "characters, more than 2,000" in long.message


def test_images_are_read_where_they_are_so_their_folder_counts(tmp_path: Path) -> None:
    (tmp_path / "images [old]" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "recipe.yml").write_text(IMAGES)
    found = [
        one
        for one in autotrain.check_run(load_recipe(tmp_path / "recipe.yml"))
        if one.code == "unusable-place"
    ]
    assert [(one.line, one.message.partition(":")[0]) for one in found] == [(8, "data.path")]
