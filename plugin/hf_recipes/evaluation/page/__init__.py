"""report.html: one file for people, with the plots and every test row. It asks nothing of any other machine.

Standard library only, so that the core can make it too, where a run has none yet.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from hf_recipes.evaluation.page import charts, record, rows, sections
from hf_recipes.evaluation.page.record import Losses, TokenCounts
from hf_recipes.evaluation.report import metrics_of
from hf_recipes.evaluation.shown import escaped, method_label, metric_name
from hf_recipes.record.job import load_job

NAME = "report.html"
NOT_RECORDED = "The test rows are not shown: this run has no report/rows.jsonl."
LEFT_OUT = "The test rows are left out of this copy, since the test data is not public."


@dataclass(frozen=True)
class ReportPage:
    title: str
    run: str
    """Its id."""
    report: Mapping[str, Any]
    """As report.json holds it."""
    rows: Sequence[Mapping[str, Any]] | None
    """As rows.jsonl holds them; None where there are none to show."""
    no_rows: str = NOT_RECORDED
    """What stands there in their place."""
    losses: Losses = field(default_factory=Losses)
    lengths: TokenCounts = field(default_factory=TokenCounts)


def of_run(run: Path, report: Mapping[str, Any], *, with_rows: bool = True) -> str:
    """The page of a run's folder and its report, with everything that the run has recorded. Raises EvaluationFailed."""
    found = rows.read_rows(run / "report" / rows.FILE) if with_rows else None
    return render_report_page(
        ReportPage(
            title=_title(run),
            run=run.resolve().name,
            report=report,
            rows=found,
            no_rows=NOT_RECORDED if with_rows else LEFT_OUT,
            losses=record.losses(run / "events.jsonl"),
            lengths=record.lengths(run / "answers"),
        )
    )


def render_report_page(page: ReportPage) -> str:
    """The whole file. The same page gives the same text."""
    report, names = page.report, metrics_of(page.report)
    style, script = _file("style.css"), _file("rows.js")
    return Template(_file("template.html")).substitute(
        policy=f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        title=escaped(page.title),
        about=_about(page),
        verdict=sections.verdict_section(report),
        facts=sections.facts_section(report),
        charts=_charts(page, names),
        table=sections.table(report),
        comparisons=sections.comparisons(report),
        gate=sections.gate(report),
        rows=_rows(page, names),
    )


def _about(page: ReportPage) -> str:
    n = page.report.get("n")
    rows_said = f"{n:,} test rows · " if n else ""
    return f"{rows_said}run <code>{escaped(page.run)}</code>"


def _charts(page: ReportPage, names: Sequence[str]) -> str:
    methods, n = page.report["methods"], page.report.get("n") or 0
    drawn = [
        *(charts.quality_chart(name, methods) for name in names),
        charts.cost_chart(names[0], methods, n) if names else "",
        charts.loss_chart(page.losses.train, page.losses.held_out),
        charts.length_chart("Prompt length", page.lengths.prompts),
        charts.length_chart("Answer length", page.lengths.answers),
    ]
    return "".join(drawn)


def _rows(page: ReportPage, names: Sequence[str]) -> str:
    if page.rows is None:
        return f'<p class="empty">{escaped(page.no_rows)}</p>'
    if not page.rows:
        return '<p class="empty">There are no test rows.</p>'
    found = rows.rows_document(
        page.rows,
        {name: metric_name(name) for name in names},
        {name: method_label(name) for name in page.report["methods"]},
    )
    return (
        "<noscript><p>The rows are shown by a script in this file, and scripts are off. The numbers above need none.</p></noscript>"
        f'<div id="rows"></div><script type="application/json" id="rows-data">{found}</script>'
    )


def _title(run: Path) -> str:
    """What the recipe calls the project; else the run's id."""
    try:
        return load_job(run).project_name or run.resolve().name
    except (OSError, ValueError):
        return run.resolve().name


def _file(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
