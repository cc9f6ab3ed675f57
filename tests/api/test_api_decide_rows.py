"""What `decide` says of the rows: all that there are count, whatever `data.limit` leaves to be trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.api import decide
from hf_recipes.api.recipes import load_recipe
from hf_recipes.cli.decide import show_decision
from hf_recipes.cli.output import console
from hf_recipes.evaluation.gate import BEST

TOLD = {"file": "test.jsonl", "line": 4, "column": 1, "code": "odd", "message": "odd", "hint": "mend it"}
RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "ingredient-parser" / "recipe.yml"


def decided(
    tmp_path: Path, *settings: str, used: int = 40, pool: int = 549, right: float = 0.1
) -> dict[str, Any]:
    """The document of a run whose base was right so often."""
    run = tmp_path / "run"
    for folder in ("work", "report"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    state = {"schema": 1, "id": "run", "state": "succeeded"}
    rows = {"train": used, "validation": 0, "test": 100}
    value = {"value": right, "low": right - 0.05, "high": right + 0.05}
    method = {"metrics": {"exact_match": value}, "prompt_tokens": 9, "completion_tokens": 9, "seconds": 1.0}
    for name, content in (
        ("state.json", state),
        (
            "work/prepared.json",
            {"rows": rows, "pool": pool, "tokens": {}, "warnings": [TOLD], "totals": {"odd": 3}},
        ),
        ("report/report.json", {"schema": 1, "n": 100, "methods": {"few-shot": method}}),
    ):
        (run / name).write_text(json.dumps(content))
    return decide.decision_document(decide.check_measurable(load_recipe(RECIPE, settings=settings)), run)


def test_rows_that_the_limit_leaves_out_are_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = decided(tmp_path, "evaluate.require=null", right=0.6)
    assert found["data"]["train_rows"] == 549 and found["data"]["enough"]
    assert found["data"]["used_train_rows"] == 40
    assert found["decision"]["decision"] == "fine-tune"
    assert "Raise data.limit first: it leaves 40 of 549 training rows" in found["decision"]["sentence"]
    show_decision(found, console(stderr=False, markup=True))
    said = " ".join(capsys.readouterr().out.split())
    assert "yes: 549 training rows (data.limit leaves 40)" in said
    assert "warning test.jsonl:4:1: odd; mend it (and 2 more such rows)" in said
    found = decided(tmp_path, "evaluate.require=null", used=49, pool=49, right=0.6)
    assert found["decision"]["decision"] == "more-data" and "used_train_rows" not in found["data"]


def test_a_small_base_far_from_the_target_and_its_larger_ones(tmp_path: Path) -> None:
    found = decided(tmp_path, "evaluate.require=null")
    assert found["decision"]["decision"] == "larger-base"
    assert (
        "SmolLM2-360M-Instruct (362M) or HuggingFaceTB/SmolLM2-1.7B-Instruct (1.7B)"
        in found["decision"]["sentence"]
    )


def test_a_baseline_to_beat_is_the_target_that_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = decided(tmp_path, f"evaluate.require={{exact_match: {{better_than: {BEST}}}}}", right=0.6)
    assert found["needed"]["target"]["rival"] == "few-shot" and not found["needed"]["target"]["assumed"]
    assert (
        found["decision"]["decision"] == "fine-tune"
        and "better than few-shot" in found["decision"]["sentence"]
    )
    show_decision(found, console(stderr=False, markup=True))
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "66.0% exact_match, the recipe's evaluate.require.exact_match.better_than: few-shot has 60.0%" in said
    )


def test_a_reason_that_holds_for_all_hardware_elsewhere_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text('{"model_type": "llama"}')
    header = b'{"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    (base / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    show_decision(decided(tmp_path, f"base_model={base}"), console(stderr=False, markup=True))
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("a folder of this machine is not there") == 1
    assert "ruled out cpu-basic, cpu-upgrade" in said
