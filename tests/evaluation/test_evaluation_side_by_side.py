"""Several runs beside each other: what differs, and when their numbers say nothing of each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.reported import full
from hf_recipes.evaluation import side_by_side
from hf_recipes.evaluation.answers import EvaluationFailed

JOB = {
    "task": "lm_training",
    "base_model": "bundled/smollm2-135m-instruct",
    "project_name": "tiny",
    "backend": "local",
    "data": {"path": "data", "messages": []},
    "params": {"lr": 0.002, "epochs": 1, "data_path": "a", "project_name": "tiny"},
    "overrides": {
        "logging_steps": {"value": 5, "why": "seen"},
        "OMP_NUM_THREADS": {"value": 2, "why": "cores"},
    },
    "evaluate": {"metrics": [{"name": "exact_match"}], "require": {"exact_match": {"at_least": 0.9}}},
}


def a_run(
    folder: Path,
    references: list[str] | None = None,
    n: int = 3,
    params: dict[str, Any] | None = None,
    **job: Any,
) -> Path:
    (folder / "report").mkdir(parents=True)
    (folder / "report" / "report.json").write_text(json.dumps({**full(), "n": n, "rows": list(range(n))}))
    (folder / "job.json").write_text(
        json.dumps({**JOB, "params": {**JOB["params"], **(params or {})}, **job})
    )  # type: ignore[dict-item]
    if references is not None:
        (folder / "answers").mkdir()
        lines = [
            {
                "row": row,
                "method": "zero-shot",
                "answer": "",
                "reference": reference,
                "prompt_tokens": 1,
                "completion_tokens": 1,
                "seconds": 0.1,
                "weights": "base:0123456789ab",
            }
            for row, reference in enumerate(references)
        ]
        (folder / "answers" / "zero-shot.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_only_what_differs_is_named(tmp_path: Path) -> None:
    runs = [
        a_run(tmp_path / "a"),
        a_run(tmp_path / "b", params={"lr": 0.001, "data_path": "elsewhere"}, base_model="someone/else"),
        a_run(tmp_path / "c", params={"warmup_ratio": 0.1}, evaluate={**JOB["evaluate"], "shots": 8}),  # type: ignore[dict-item]
    ]
    assert side_by_side.differing([side_by_side.read_measured_run(run) for run in runs]) == {
        "base_model": ["bundled/smollm2-135m-instruct", "someone/else", "bundled/smollm2-135m-instruct"],
        "evaluate.shots": [4, 4, 8],
        "params.lr": [0.002, 0.001, 0.002],
        "params.warmup_ratio": [None, None, 0.1],
    }


@pytest.mark.parametrize(
    ("references", "n", "says"),
    [
        (["x", "y", "z"], 3, ""),
        (["x", "y", "!"], 3, "row 2 expects another answer"),
        (["x", "y"], 3, "row 2 is in one only"),
        (["x", "y", "z"], 4, "measured on 4 test rows, a on 3"),
        (None, 3, "the recorded answers of b are gone"),
    ],
)
def test_numbers_of_other_test_rows_are_not_compared(
    tmp_path: Path, references: list[str] | None, n: int, says: str
) -> None:
    first = side_by_side.read_measured_run(a_run(tmp_path / "a", ["x", "y", "z"]))
    second = side_by_side.read_measured_run(a_run(tmp_path / "b", references, n))
    found = side_by_side.strangers([first, second])
    assert says in found.get("b", "") and bool(found) is bool(says) and "a" not in found


def test_a_run_without_a_report_is_named(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a")
    (run / "report" / "report.json").write_text("[]")
    with pytest.raises(EvaluationFailed, match="is not a report"):
        side_by_side.read_measured_run(run)
    (run / "report" / "report.json").unlink()
    with pytest.raises(EvaluationFailed, match="a has no report"):
        side_by_side.read_measured_run(run)
