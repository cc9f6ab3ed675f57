"""The report of a run, built from its recorded answers alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hf_recipes.evaluation import gate
from hf_recipes.evaluation.answers import FINE_TUNED, Answer, EvaluationFailed, read
from hf_recipes.evaluation.interval import wilson
from hf_recipes.evaluation.metrics import METRICS
from hf_recipes.evaluation.verdict import decide

SCHEMA = 1
SHOWN_MISSES = 5


def build(run: Path) -> dict[str, Any]:
    """The report as DESIGN.md gives it: what was not measured is absent.

    Reads `answers/`, and of `job.json` which metrics and bounds the recipe asks for. Raises EvaluationFailed.
    """
    answers = read(run / "answers")
    wanted = evaluate_section(run)
    names = [name_of(one) for one in wanted.get("metrics") or ["exact_match"]]
    for name in names:
        if name not in METRICS:
            raise EvaluationFailed(f"There is no metric {name!r}; known: {', '.join(METRICS)}.")
    scores = {name: {method: score(name, rows) for method, rows in answers.items()} for name in names}
    baselines = {name: {m: v for m, v in scores[name].items() if m != FINE_TUNED} for name in names}
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "n": len(next(iter(answers.values()))),
        "rows": list(next(iter(answers.values()))),
        "methods": {
            method: summary(rows, {name: scores[name][method] for name in names})
            for method, rows in answers.items()
        },
    }
    tuned = {name: scores[name][FINE_TUNED] for name in names} if FINE_TUNED in answers else None
    if tuned is not None and baselines[names[0]]:
        report["verdict"] = {**asdict(decide(tuned[names[0]], baselines[names[0]])), "metric": names[0]}
    require = wanted.get("require")
    if require:
        report["gate"] = gate.check(require, tuned, baselines)
    if tuned is not None:
        report["misses"] = misses(answers[FINE_TUNED], tuned[names[0]])
    return report


def name_of(metric: object) -> str:
    return str(metric["name"]) if isinstance(metric, Mapping) else str(metric)


def evaluate_section(run: Path) -> Mapping[str, Any]:
    """The recipe's `evaluate:` as job.json keeps it; empty where there is none."""
    file = run / "job.json"
    if not file.is_file():
        return {}
    try:
        section = json.loads(file.read_text(encoding="utf-8")).get("evaluate")
    except (ValueError, AttributeError):
        raise EvaluationFailed("job.json is not a job.") from None
    return section if isinstance(section, Mapping) else {}


def score(metric: str, rows: Mapping[int, Answer]) -> list[float]:
    return [METRICS[metric](one.answer, one.reference) for one in rows.values()]


def summary(rows: Mapping[int, Answer], scores: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    metrics = {}
    for name, values in scores.items():
        low, high = wilson(sum(values), len(values))
        metrics[name] = {"value": sum(values) / len(values), "low": low, "high": high}
    return {
        "metrics": metrics,
        "prompt_tokens": sum(one.prompt_tokens for one in rows.values()),
        "completion_tokens": sum(one.completion_tokens for one in rows.values()),
        "seconds": sum(one.seconds for one in rows.values()),
        "weights": next(iter(rows.values())).weights,
    }


def misses(rows: Mapping[int, Answer], values: Sequence[float]) -> list[dict[str, Any]]:
    """The first rows that the fine-tuned model did not get right."""
    wrong = [one for one, value in zip(rows.values(), values, strict=True) if value < 1]
    return [
        {"row": one.row, "answer": one.answer, "reference": one.reference} for one in wrong[:SHOWN_MISSES]
    ]


def render_markdown(report: Mapping[str, Any]) -> str:
    """The report for people: a table with intervals, the verdict, the gate and some misses. Ends with a line end."""
    n = report["n"]
    names = list(next(iter(report["methods"].values()))["metrics"])
    head = [
        "method",
        *(f"{name} (95 % interval)" for name in names),
        "prompt tokens a row",
        "answer tokens a row",
        "seconds",
    ]
    lines = [
        f"Measured on {n} test rows.",
        "",
        table_row(head),
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    for method, one in report["methods"].items():
        shares = [f"{m['value']:.1%} ({m['low']:.1%} to {m['high']:.1%})" for m in one["metrics"].values()]
        tokens = [f"{one[key] / n:.1f}" for key in ("prompt_tokens", "completion_tokens")]
        lines.append(table_row([method, *shares, *tokens, f"{one['seconds']:.1f}"]))
    if "verdict" in report:
        lines += [
            "",
            f"**Verdict: {escape(report['verdict']['decision'])}.** {escape(report['verdict']['reason'])}",
        ]
    else:
        lines += ["", "No verdict: it takes the fine-tuned model and a baseline, both measured."]
    if report.get("gate"):
        lines += ["", "| required | measured | met |", "| --- | ---: | --- |"]
        for bound in report["gate"]:
            measured = f"{bound['value']:.3f}" if "value" in bound else "not measured"
            lines.append(
                table_row(
                    [f"{bound['metric']} {bound['bound']}", measured, "yes" if bound["met"] else "**no**"],
                    raw=2,
                )
            )
    if report.get("misses"):
        lines += ["", "The first rows that the fine-tuned model got wrong:", ""]
        lines += ["| row | answer | expected |", "| ---: | --- | --- |"]
        lines += [table_row([str(one["row"]), one["answer"], one["reference"]]) for one in report["misses"]]
    return "\n".join(lines) + "\n"


def table_row(cells: Sequence[str], raw: int | None = None) -> str:
    """`raw`: the index of a cell that is Markdown already."""
    return (
        "| " + " | ".join(cell if index == raw else escape(cell) for index, cell in enumerate(cells)) + " |"
    )


def escape(text: str) -> str:
    """Text that a model or a person wrote, shown as it is: no Markdown, no HTML, no second line, nothing that doesn't print."""
    one_line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return re.sub(r"([\\`*_\[\]<>|#~$&!])", r"\\\1", one_line)
