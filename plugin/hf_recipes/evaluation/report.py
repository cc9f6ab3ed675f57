"""The report of a run for people. What it is made of: build.py. Needs the standard library alone: the core renders cards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation import findings, rounding
from hf_recipes.evaluation.answers import REFERENCE

SCHEMA = 1
BESIDE = 2
"""Metrics that have room beside each other in one table."""
LONGEST_MISS = 300
"""Characters of an answer in the table of misses; report.json has all of it."""
HOW = (
    "In points of 100. Intervals by the paired bootstrap; p by McNemar's exact test (right or wrong) or a paired permutation "
    "test (graded), with Holm's correction over the baselines that can be the best"
)


def render_markdown(report: Mapping[str, Any]) -> str:
    """Tables with intervals, the verdict, the comparisons, the gate, what was saved and forgotten, and some misses.

    Whatever the report doesn't have is left out. Ends with a line end.
    """
    n = report["n"]
    lines = [f"Measured on {n} test rows.", "", *_methods(report)]
    for said in findings.warning_sentences(report):
        lines += ["", f"**Warning:** {escape(said)}"]
    if "verdict" in report:
        lines += [
            "",
            f"**Verdict: {escape(report['verdict']['decision'])}.** {escape(report['verdict']['reason'])}",
        ]
        if said := findings.decided_by(report):
            lines += ["", escape(said)]
    else:
        lines += ["", "No verdict: it takes the fine-tuned model and a baseline, both measured."]
    if any(method.startswith(REFERENCE) for method in report["methods"]):
        lines += ["", "The reference is shown beside the others; the verdict and the bounds leave it out."]
    for said in filter(None, (findings.drawn_from(report), *findings.rows_that_tell_little(report))):
        lines += ["", escape(said)]
    lines += _notes(report)
    lines += _comparisons(report)
    if report.get("gate"):
        lines += ["", "| required | measured | met |", "| --- | ---: | --- |"]
        for bound in report["gate"]:
            lines.append(
                table_row(
                    [
                        f"{bound['metric']} {bound['bound']}",
                        findings.reached(bound),
                        "yes" if bound["met"] else "**no**",
                    ],
                    raw=2,
                )
            )
    if said := findings.training_sentence(report):
        lines += ["", escape(said)]
    if said := findings.savings_sentence(report):
        lines += ["", escape(said)]
    if said := findings.forgetting_sentence(report):
        flagged = "**Forgetting detected.** " if report["forgetting"].get("flagged") else ""
        lines += ["", flagged + escape(said)]
    if report.get("misses"):
        lines += ["", "The rows on which the fine-tuned model did worst (ties in row order):", ""]
        lines += ["| row | answer | expected |", "| ---: | --- | --- |"]
        lines += [
            table_row([str(miss["row"]), _cut(miss["answer"]), _cut(miss["reference"])])
            for miss in report["misses"]
        ]
    return "\n".join(lines) + "\n"


def metrics_of(report: Mapping[str, Any]) -> list[str]:
    """Every metric that a method has, the one that decides first."""
    deciding = [(report.get("verdict") or {}).get("metric")]
    measured = [name for result in report["methods"].values() for name in result.get("metrics", {})]
    return [name for name in dict.fromkeys([*deciding, *measured]) if name in measured]


def _methods(report: Mapping[str, Any]) -> list[str]:
    """A row a method. Of many metrics only the deciding one stands there, and each other one in a row of its own below."""
    names = metrics_of(report)
    wide = names if len(names) <= BESIDE else names[:1]
    n, cut_at = report["n"], findings.cut_at(report)
    rows = []
    for method, result in report["methods"].items():
        shares = [_share(result["metrics"].get(name)) for name in wide]
        tokens = [f"{result[key] / n:.1f}" for key in ("prompt_tokens", "completion_tokens")]
        rows.append(
            [
                method,
                *shares,
                *tokens,
                *([findings.cut(result, n)] if cut_at else []),
                f"{result['seconds']:.1f}",
            ]
        )
    head = ["method", *(f"{name} (95 % interval)" for name in wide), "prompt tokens a row", "answer tokens a row", *([cut_at] if cut_at else []), "seconds"]  # fmt: skip
    others = [name for name in names if name not in wide]
    return [*_numbers(head, rows), *(["", *_other_metrics(report, others)] if others else [])]


def _other_metrics(report: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    methods = report["methods"]
    rows = [[name, *(_share(result["metrics"].get(name)) for result in methods.values())] for name in names]
    return _numbers(["metric (95 % interval)", *methods], rows)


def _numbers(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [table_row(head), "| --- |" + " ---: |" * (len(head) - 1), *map(table_row, rows)]


def _notes(report: Mapping[str, Any]) -> list[str]:
    lines = []
    for sentence in findings.notes(report):
        lines += ["", escape(sentence)]
    return lines


def _share(measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        return "not measured"
    return rounding.share_in_interval(measured)


def _comparisons(report: Mapping[str, Any]) -> list[str]:
    """Fine-tuned minus each baseline, by metric."""
    rows = [
        (metric, baseline, measured)
        for metric, baselines in (report.get("comparisons") or {}).items()
        for baseline, measured in baselines.items()
    ]
    if not rows:
        return []
    lines = [
        "",
        "| fine-tuned minus | metric | difference (95 % interval) | better on | worse on | p | test |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for metric, baseline, row in rows:
        difference = f"{rounding.difference(row['difference'])} ({rounding.difference_in_words(row)})"
        p = rounding.p_value(row["p"])
        counts = [f"{row['wins']} rows", f"{row['losses']} rows"]
        lines.append(table_row([baseline, metric, difference, *counts, p, row["test"]]))
    drawn = report.get("statistics") or {}
    how = (
        f": {drawn['resamples']:,} resamples, {drawn['permutations']:,} permutations, seed {drawn['seed']}"
        if drawn
        else ""
    )
    return [
        *lines,
        "",
        f"{HOW}{how}.",
    ]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MISS else f"{text[:LONGEST_MISS]} … ({len(text):,} characters)"


def table_row(cells: Sequence[str], raw: int | None = None) -> str:
    """`raw`: the index of a cell that is Markdown already."""
    return (
        "| " + " | ".join(cell if index == raw else escape(cell) for index, cell in enumerate(cells)) + " |"
    )


def escape(text: str) -> str:
    """Text that a model or a person wrote, shown as it is: no Markdown, no HTML, no second line, nothing that doesn't print."""
    one_line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return re.sub(r"([\\`*_\[\]<>|#~$&!])", r"\\\1", one_line)
