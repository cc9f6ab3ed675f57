"""Several runs' evaluations as tables: a table a metric, the verdicts, what differs between the runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from hf_recipes.cli.output import console, result
from hf_recipes.evaluation import findings, rounding, side_by_side
from hf_recipes.evaluation.side_by_side import MeasuredRun

WIDEST = 60
"""Characters of a setting's value."""


def show_side_by_side(runs: Sequence[MeasuredRun]) -> None:
    """Runs are numbered, since their ids are long."""
    for number, run in enumerate(runs, start=1):
        result(f"[{number}] {run.run}, {run.report.get('n', '?')} test rows")
    for name, why in side_by_side.strangers(runs).items():
        result(f"{name} can't be compared with the first: {why}")
    tables: list[Table | None] = [_metric(name, runs) for name in side_by_side.measured_metrics(runs)]
    tables += [_warnings(runs), _verdicts(runs), _settings(runs)]
    out = console(stderr=False)
    for table in filter(None, tables):
        out.print()
        out.print(table)


def _metric(metric: str, runs: Sequence[MeasuredRun]) -> Table:
    table = titled(metric, ["run", "method"])
    for name in ("value", "95 % interval", "tokens in", "tokens out", "cut", "seconds a row"):
        table.add_column(name, justify="right", no_wrap=True)
    for number, run in enumerate(runs, start=1):
        n = run.report.get("n")
        for method, answers in run.report["methods"].items():
            measured = answers.get("metrics", {}).get(metric)
            if measured is None:
                continue
            table.add_row(
                Text(f"[{number}]"),
                Text(method),
                rounding.share(measured["value"]),
                rounding.interval_in_words(measured) or "–",
                each(answers, "prompt_tokens", n, 1),
                each(answers, "completion_tokens", n, 1),
                findings.cut(answers, n or 0),
                each(answers, "seconds", n, 3),
            )
        table.add_section()
    return table


def each(result: Mapping[str, Any], key: str, n: int | None, digits: int) -> str:
    """A total of a method, divided by its `n` rows."""
    return f"{result[key] / n:,.{digits}f}" if n and isinstance(result.get(key), (int, float)) else "–"


def _warnings(runs: Sequence[MeasuredRun]) -> Table | None:
    found = [
        (number, said)
        for number, run in enumerate(runs, start=1)
        for said in findings.warning_sentences(run.report)
    ]
    if not found:
        return None
    table = titled("warnings: these numbers are doubtful", ["run"])
    table.add_column("what")
    for number, said in found:
        table.add_row(Text(f"[{number}]"), Text(said))
    return table


def _verdicts(runs: Sequence[MeasuredRun]) -> Table | None:
    found = [(number, run.report["verdict"]) for number, run in enumerate(runs, start=1) if run.report.get("verdict")]  # fmt: skip
    if not found:
        return None
    table = titled("verdict", ["run", "decision"])
    table.add_column("reason")
    for number, verdict in found:
        table.add_row(
            Text(f"[{number}]"), Text(str(verdict.get("decision", ""))), Text(str(verdict.get("reason", "")))
        )
    return table


def _settings(runs: Sequence[MeasuredRun]) -> Table:
    differing = side_by_side.differing(runs)
    table = titled("what differs between the recipes", ["key"])
    if not differing:
        table.add_row("nothing: the runs were given the same settings")
        return table
    for number in range(1, len(runs) + 1):
        table.add_column(Text(f"[{number}]"))
    for name, values in differing.items():
        table.add_row(Text(name), *(Text(_shown(value)) for value in values))
    return table


def titled(title: str, columns: Sequence[str]) -> Table:
    """`columns`: those whose cells are never folded; more can be added."""
    table = Table(title=Text(title, style="bold"), title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def _shown(value: object) -> str:
    text = "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)  # fmt: skip
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
