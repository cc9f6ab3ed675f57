"""A run on this machine whose base is on the Hub and cannot be had: told before training, in a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.steps.prepare.prepare import _tokenizer_error

HF_RECIPES = str(Path(sys.executable).with_name("hf-recipes"))
RECIPE = """\
task: llm-sft
base_model: bob/closed
project_name: sums
backend: local
data: {path: data, train_split: train, chat_template: null, column_mapping: {text_column: text}}
params: {quantization: null}
"""


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("gated", "bob/closed: the model is gated; ask for access on its page"),
        ("missing", "bob/closed: no such model on the Hub"),
        ("invalid", "bob/closed: Hugging Face does not accept your token; type: hf auth login"),
    ],
)
def test_a_base_that_cannot_be_had_ends_the_run_before_it_trains(
    logged_in: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str
) -> None:
    if fault != "missing":
        gated = {"gated": "manual"} if fault == "gated" else {}
        logged_in.put("model", "bob/closed", {"config.json": b"{}", "tokenizer.json": b"{}"}, **gated)
    if fault == "invalid":
        monkeypatch.setenv("HF_TOKEN", "hf" + "_" + "revoked" * 5)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train.jsonl").write_text('{"text": "1 + 1 = 2"}\n' * 20)
    (tmp_path / "recipe.yml").write_text(RECIPE)
    done = subprocess.run(
        [HF_RECIPES, "run", "recipe.yml", "--json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    ended = json.loads(done.stdout)
    assert (ended["state"], ended["stage"], ended["reason"]) == (
        "failed",
        "prepare",
        "base_model_unavailable",
    ), ended
    assert words in ended["message"], ended["message"]


def test_a_hub_that_is_ill_is_told_as_that_and_not_as_the_model_s_fault() -> None:
    # transformers' own words, after it has tried for the better part of a minute.
    said = OSError(
        "We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files."
    )
    assert _tokenizer_error(said, False).startswith("the Hub cannot be reached, or has a problem of its own")
