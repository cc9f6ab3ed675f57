"""The report of a run for people. What it is made of: build.py. Needs the standard library alone: the core renders cards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation.answers import REFERENCE

SCHEMA = 1
HOW = (
    "In points of 100. Intervals by the paired bootstrap; p by McNemar's exact test (right or wrong) or a paired permutation "
    "test (graded), with Holm's correction over the baselines"
)


def render_markdown(report: Mapping[str, Any]) -> str:
    """A table with intervals, the verdict, the comparisons, the gate, what was saved and forgotten, and some misses.

    Whatever the report doesn't have is left out. Ends with a line end.
    """
    n = report["n"]
    names = list(dict.fromkeys(name for one in report["methods"].values() for name in one["metrics"]))
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
        shares = [_share(one["metrics"].get(name)) for name in names]
        tokens = [f"{one[key] / n:.1f}" for key in ("prompt_tokens", "completion_tokens")]
        lines.append(table_row([method, *shares, *tokens, f"{one['seconds']:.1f}"]))
    if "verdict" in report:
        lines += [
            "",
            f"**Verdict: {escape(report['verdict']['decision'])}.** {escape(report['verdict']['reason'])}",
        ]
    else:
        lines += ["", "No verdict: it takes the fine-tuned model and a baseline, both measured."]
    if any(method.startswith(REFERENCE) for method in report["methods"]):
        lines += ["", "The reference is shown beside the others; the verdict and the bounds leave it out."]
    lines += _comparisons(report)
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
    lines += [*_savings(report), *_forgetting(report)]
    if report.get("misses"):
        lines += ["", "The rows on which the fine-tuned model did worst, the first of equals first:", ""]
        lines += ["| row | answer | expected |", "| ---: | --- | --- |"]
        lines += [table_row([str(one["row"]), one["answer"], one["reference"]]) for one in report["misses"]]
    return "\n".join(lines) + "\n"


def _share(measured: Mapping[str, Any] | None) -> str:
    if measured is None:
        return "not measured"
    return f"{measured['value']:.1%} ({measured['low']:.1%} to {measured['high']:.1%})"


def _comparisons(report: Mapping[str, Any]) -> list[str]:
    """Fine-tuned minus each baseline, by metric."""
    rows = [
        (metric, baseline, one)
        for metric, baselines in (report.get("comparisons") or {}).items()
        for baseline, one in baselines.items()
    ]
    if not rows:
        return []
    lines = [
        "",
        "| fine-tuned minus | metric | difference (95 % interval) | better on | worse on | p | test |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for metric, baseline, one in rows:
        difference = f"{100 * one['difference']:+.1f} ({100 * one['low']:+.1f} to {100 * one['high']:+.1f})"
        p = "< 0.001" if one["p"] < 0.001 else f"{one['p']:.3f}"
        counts = [f"{one['wins']} rows", f"{one['losses']} rows"]
        lines.append(table_row([baseline, metric, difference, *counts, p, one["test"]]))
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


def _savings(report: Mapping[str, Any]) -> list[str]:
    saved = report.get("savings")
    if not saved:
        return []
    text = (
        f"Against {saved['against']} a request saves {_number(saved['prompt_tokens_saved'])} prompt tokens, "
        f"{_number(saved['completion_tokens_saved'])} answer tokens and {saved['seconds_saved']:.3f} s."
    )
    if "requests_to_pay_back" in saved:
        text += f" Training took {saved['training_seconds']:,.0f} s: paid back, in time, after {saved['requests_to_pay_back']:,} requests."
    elif "training_seconds" in saved:
        text += (
            f" Training took {saved['training_seconds']:,.0f} s, which no request wins back: none is faster."
        )
    return ["", f"{escape(text)} ({escape(saved['basis'])}.)"]


def _number(value: float) -> str:
    return f"{value:,.1f}"


def _forgetting(report: Mapping[str, Any]) -> list[str]:
    found = report.get("forgetting")
    if not found:
        return []
    judged = "**It has forgotten**" if found["flagged"] else "It has not forgotten beyond the bound"
    numbers = (
        f"general text takes the base {found['base']:.3f} nats a token and the fine-tuned model {found['fine-tuned']:.3f}, "
        f"{found['difference']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
    )
    bound = f"; flagged above {found['threshold']:g}: {found['why']}" if "threshold" in found else ""
    return ["", f"{judged}: {escape(numbers + bound)}."]


def table_row(cells: Sequence[str], raw: int | None = None) -> str:
    """`raw`: the index of a cell that is Markdown already."""
    return (
        "| " + " | ".join(cell if index == raw else escape(cell) for index, cell in enumerate(cells)) + " |"
    )


def escape(text: str) -> str:
    """Text that a model or a person wrote, shown as it is: no Markdown, no HTML, no second line, nothing that doesn't print."""
    one_line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return re.sub(r"([\\`*_\[\]<>|#~$&!])", r"\\\1", one_line)
