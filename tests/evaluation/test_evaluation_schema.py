"""report.schema.json: what other programs may rely on in report.json."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from evaluation.reported import full
from hf_recipes import environments
from hf_recipes.evaluation.report import SCHEMA

FILE = resources.files("hf_recipes.evaluation") / "report.schema.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_a_report_that_was_written_is_as_the_schema_says(
    validator: Draft202012Validator, tmp_path: Path
) -> None:
    (tmp_path / "answers").mkdir()
    for method, right in (("zero-shot", 0), ("few-shot", 5), ("fine-tuned", 19)):
        stamp = f"{'fine-tuned' if method == 'fine-tuned' else 'base'}:0123456789ab"
        lines = [
            {
                "row": row,
                "method": method,
                "answer": "yes" if row < right else "no",
                "reference": "yes",
                "prompt_tokens": 4,
                "completion_tokens": 1,
                "seconds": 0.1,
                "weights": stamp,
            }
            for row in range(20)
        ]
        (tmp_path / "answers" / f"{method}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    require = {"exact_match": {"at_least": 0.9, "better_than": "best_baseline"}}
    job = {
        "task": "lm_training",
        "base_model": "ada/tiny",
        "evaluate": {
            "metrics": [{"name": "exact_match"}, {"name": "chrf"}, {"name": "macro_f1"}],
            "require": require,
        },
    }
    (tmp_path / "job.json").write_text(json.dumps(job))
    python = environments.ensure("inference", say=print)
    done = subprocess.run(
        [str(python), "-m", "hf_recipes.evaluation.write", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(environments.package_path())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert {"verdict", "gate", "misses", "comparisons"} <= report.keys()
    validator.validate(report)
    html = (tmp_path / "report" / "report.html").read_text()
    assert "Macro F1" in html and html.count('"r":') == 20


def test_everything_that_can_be_measured_has_its_place(validator: Draft202012Validator) -> None:
    everything = {
        **full(),
        "notes": {"reference": "It refuses the key (401)."},
        "skipped": {
            "rows": {"train": 1},
            "first": ["train.jsonl:8: the assistant's turn is empty (message 2)"],
        },
        "training": {
            "updates": 75,
            "epochs": 3.0,
            "tokens_seen": 19200,
            "seconds": 55.0,
            "logged": 75,
            "loss": {"first": 3.5},
        },
        "warnings": [{"code": "loss-rose", "message": "the loss rose", "first": 3.5}],
        "most_right": 280,
        "expected_queries": {"failing": 1, "empty": 2, "right_on_empty": {"zero-shot": 2}},
    }
    validator.validate(everything)
    assert validator.schema["properties"]["schema"]["const"] == SCHEMA
    assert everything.keys() == validator.schema["properties"].keys()


def share_above_one(report: dict[str, Any]) -> None:
    report["methods"]["few-shot"]["metrics"]["exact_match"]["value"] = 13.0


def half_an_interval(report: dict[str, Any]) -> None:
    del report["methods"]["few-shot"]["metrics"]["exact_match"]["high"]


def unknown_decision(report: dict[str, Any]) -> None:
    report["verdict"]["decision"] = "maybe"


def unknown_method(report: dict[str, Any]) -> None:
    report["methods"]["zeroshot"] = report["methods"].pop("zero-shot")


def another_schema(report: dict[str, Any]) -> None:
    report["schema"] = 2


def a_warning_without_words(report: dict[str, Any]) -> None:
    report["warnings"] = [{"code": "loss-rose"}]


def weights_of_nothing(report: dict[str, Any]) -> None:
    report["methods"]["few-shot"]["weights"] = "0123456789ab"


@pytest.mark.parametrize(
    "damage",
    [
        share_above_one,
        half_an_interval,
        unknown_decision,
        unknown_method,
        another_schema,
        a_warning_without_words,
        weights_of_nothing,
    ],
)
def test_the_schema_refuses_what_is_wrong(
    validator: Draft202012Validator, damage: Callable[[dict[str, Any]], None]
) -> None:
    report = full()
    damage(report)
    assert not validator.is_valid(report)
