"""What `decide` concludes where the answers of the base were cut at `evaluate.max_new_tokens`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.api import decide
from hf_recipes.api.recipes import load_recipe
from hf_recipes.cli.decide import show_decision
from hf_recipes.cli.output import console
from hf_recipes.evaluation.interval import wilson

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"
N = 200


def share(right: int) -> dict[str, float]:
    low, high = wilson(right, N)
    return {"value": right / N, "low": low, "high": high}


def decided(run: Path, *, cut: int, right: int, most: int) -> dict[str, Any]:
    """Of a base that was right in `right` of 200 rows, and could have been in `most`, had its cut answers gone on."""
    for folder in ("work", "report"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    could = {"could_be": {"exact_match": {"least": share(right), "most": share(most)}}} if cut > 10 else {}
    method = {
        "metrics": {"exact_match": share(right)}, "prompt_tokens": 9, "completion_tokens": 9, "seconds": 1.0, "cut": cut, **could
    }  # fmt: skip
    report = {"schema": 1, "n": N, "max_new_tokens": 6, "methods": {"few-shot": method}}
    prepared = {"rows": {"train": 549, "test": N}, "tokens": {}, "answers": {"room": 48}}
    for name, content in (
        ("state.json", {"schema": 1, "id": "run", "state": "succeeded"}),
        ("work/prepared.json", prepared),
        ("report/report.json", report),
    ):
        (run / name).write_text(json.dumps(content))
    return decide.decision_document(
        decide.check_measurable(load_recipe(RECIPE, settings=("evaluate.require=null",))), run
    )


def test_a_decision_that_hangs_on_cut_answers_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = decided(tmp_path, cut=90, right=110, most=200)
    assert found["decision"]["decision"] == "not-measured"
    sentence = found["decision"]["sentence"]
    assert "few-shot 90 of 200 ended at the limit of 6 tokens (evaluate.max_new_tokens)" in sentence
    assert sentence.endswith(
        "Set evaluate.max_new_tokens to 48, or leave it out: it then follows from the data."
    )
    show_decision(found, console(stderr=False, markup=True))
    assert "90 of 200 answers cut at 6 tokens" in " ".join(capsys.readouterr().out.split())


def test_one_that_does_not_is_made_and_says_so(tmp_path: Path) -> None:
    found = decided(tmp_path, cut=200, right=110, most=112)["decision"]
    assert found["decision"] == "fine-tune"
    assert found["sentence"].endswith(
        "Of the answers, few-shot 200 of 200 ended at the limit of 6 tokens (evaluate.max_new_tokens); however they would have continued, "
        "the decision is the same."
    )
    few = decided(tmp_path, cut=10, right=110, most=110)
    assert "limit" not in few["decision"]["sentence"] and few["needed"]["cut"] == {"few-shot": 10}
