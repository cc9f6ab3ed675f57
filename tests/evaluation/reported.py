"""A report with all that can stand in one, and test rows with the worst that a model can write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HOSTILE = (
    '</script><script>document.title = "owned"</script><img src="x" onerror="document.title = \'owned\'">'
    "<!-- <style>body { display: none }</style> \u202eevil\u202c \u2066x\u2069 \u200b \u2028 & &lt; \ud83d \x00\x1b[31m"
)


def measured(right: float, low: float, high: float, prompt: int, **more: Any) -> dict[str, Any]:
    return {
        "metrics": {"exact_match": {"value": right, "low": low, "high": high}},
        "prompt_tokens": prompt,
        "completion_tokens": 6600,
        "seconds": 45.0,
        "weights": "base:0123456789ab",
        "cut": 0,
        **more,
    }


def full() -> dict[str, Any]:
    return {
        "schema": 1,
        "n": 300,
        "rows": list(range(300)),
        "max_new_tokens": 40,
        "methods": {
            "zero-shot": measured(0.0, 0.0, 0.012, 11400, cut=288),
            "few-shot": measured(0.13, 0.097, 0.172, 56400, cached=300),
            "retrieval": measured(0.41, 0.355, 0.466, 90000),
            "reference": measured(0.9, 0.861, 0.929, 11400, weights="reference:large-model"),
            "fine-tuned": measured(0.95, 0.92, 0.969, 11400, weights="fine-tuned:ba9876543210"),
        },
        "comparisons": {
            "exact_match": {
                "retrieval": {
                    "difference": 0.54,
                    "low": 0.48,
                    "high": 0.6,
                    "p": 0.0000001,
                    "test": "exact McNemar",
                    "wins": 165,
                    "losses": 3,
                }
            }
        },
        "statistics": {"resamples": 2000, "permutations": 9999, "seed": 1},
        "verdict": {
            "decision": "fine-tuned",
            "reason": "Right on 165 rows that retrieval got wrong.",
            "metric": "exact_match",
            "against": "retrieval",
            "smallest_difference": 0.02,
        },
        "gate": [
            {"metric": "exact_match", "bound": "at least 0.9", "value": 0.95, "met": True},
            {"metric": "json_f1", "bound": "at least 0.9", "met": False},
        ],
        "misses": [{"row": 3, "answer": HOSTILE, "reference": "x"}],
        "forgetting": {
            "base": 3.112,
            "fine-tuned": 3.151,
            "difference": 0.039,
            "low": 0.021,
            "high": 0.055,
            "flagged": False,
        },
        "savings": {
            "against": "retrieval",
            "prompt_tokens_saved": 262.0,
            "completion_tokens_saved": -0.2,
            "seconds_saved": 0.244,
            "training_seconds": 215.0,
            "requests_to_pay_back": 881,
            "basis": "Seconds of this run.",
        },
    }


def row(number: int, question: str, expected: str, **answers: tuple[str, float]) -> dict[str, Any]:
    """A line of rows.jsonl; a method's name is written with _ here."""
    return {
        "row": number,
        "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": question}],
        "reference": expected,
        "answers": {
            name.replace("_", "-"): {"answer": answer, "scores": {"exact_match": value}}
            for name, (answer, value) in answers.items()
        },
    }


JOB = {"task": "lm_training", "base_model": "ada/tiny"}
"""What every job has."""


def write_run(run: Path, report: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] | None = None) -> Path:
    """A run's folder with what the page reads."""
    (run / "report").mkdir(parents=True, exist_ok=True)
    (run / "report" / "report.json").write_text(json.dumps(report))
    (run / "job.json").write_text(json.dumps({**JOB, "project_name": "tiny <b>project</b>"}))
    if rows is not None:
        (run / "report" / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return run
