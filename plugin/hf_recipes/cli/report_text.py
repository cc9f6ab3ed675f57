"""One run's evaluation as it is read in a terminal: what report.md says, without its Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from hf_recipes.cli.output import console
from hf_recipes.cli.report_tables import each, titled
from hf_recipes.evaluation import findings, rounding
from hf_recipes.evaluation.answers import REFERENCE
from hf_recipes.evaluation.report import HOW, metrics_of

WIDEST = 60
"""Characters of an answer that is shown as an example."""


def show_report(report: Mapping[str, Any]) -> None:
    """What the report doesn't have is left out."""
    out = console(stderr=False)
    for place, part in enumerate(_parts(report)):
        if place:
            out.print()
        out.print(part)


def _parts(report: Mapping[str, Any]) -> Iterator[Table | Text]:
    metrics = metrics_of(report)
    yield _methods(report, metrics[0] if metrics else None)
    if len(metrics) > 1:
        yield _other_metrics(report, metrics[1:])
    yield from (Text.assemble(("Warning: ", "bold"), said) for said in findings.warning_sentences(report))
    yield _verdict(report)
    if any(method.startswith(REFERENCE) for method in report["methods"]):
        yield Text("The reference is shown beside the others; the verdict and the bounds leave it out.")
    for said in filter(None, (findings.drawn_from(report), *findings.rows_that_tell_little(report))):
        yield Text(said)
    yield from map(Text, findings.notes(report))
    if report.get("comparisons"):
        yield _comparisons(report)
        yield Text(f"{HOW}.")
    if report.get("gate"):
        yield _gate(report)
    if said := findings.training_sentence(report):
        yield Text(said)
    if said := findings.savings_sentence(report):
        yield Text(said)
    if said := findings.forgetting_sentence(report):
        flagged = bool(report["forgetting"].get("flagged"))
        yield Text.assemble(*([("Forgetting detected. ", "bold")] if flagged else []), said)
    if report.get("misses"):
        yield _misses(report)


def _methods(report: Mapping[str, Any], metric: str | None) -> Table:
    n = report["n"]
    table = titled(f"{n} test rows", ["method"])
    columns = [metric, "95 % interval"] if metric else []
    cut_at = findings.cut_at(report)
    for name in (*columns, "tokens in", "tokens out", *([cut_at] if cut_at else []), "seconds a row"):
        table.add_column(name, justify="right")
    for method, result in report["methods"].items():
        costs = [each(result, key, n, 1) for key in ("prompt_tokens", "completion_tokens")]
        costs += [findings.cut(result, n)] if cut_at else []
        costs.append(each(result, "seconds", n, 3))
        table.add_row(Text(method), *(_measured(result["metrics"].get(metric)) if metric else ()), *costs)
    return table


def _other_metrics(report: Mapping[str, Any], metrics: list[str]) -> Table:
    table = titled("and by", ["metric"])
    for method in report["methods"]:
        table.add_column(Text(method), justify="right")
    for metric in metrics:
        values = [_measured(result["metrics"].get(metric)) for result in report["methods"].values()]
        table.add_row(metric, *(f"{value} ({interval})" if interval else value for value, interval in values))
    return table


def _measured(measured: Mapping[str, Any] | None) -> tuple[str, str]:
    """Value and interval."""
    if measured is None:
        return "not measured", ""
    return rounding.share(measured["value"]), rounding.interval_in_words(measured)


def _verdict(report: Mapping[str, Any]) -> Text:
    verdict = report.get("verdict")
    if not verdict:
        return Text("No verdict: it takes the fine-tuned model and a baseline, both measured.")
    by = findings.decided_by(report)
    return Text.assemble(
        (f"Verdict: {verdict['decision']}. ", "bold"), str(verdict["reason"]), f" {by}" if by else ""
    )


def _comparisons(report: Mapping[str, Any]) -> Table:
    """Fine-tuned minus each baseline, by metric."""
    table = titled("fine-tuned against each baseline", ["metric", "minus"])
    for name in ("difference", "95 % interval", "better on", "worse on", "p"):
        table.add_column(name, justify="right")
    table.add_column("test", no_wrap=True)
    for metric, baselines in report["comparisons"].items():
        for baseline, measured in baselines.items():
            table.add_row(
                metric,
                Text(baseline),
                rounding.difference(measured["difference"]),
                rounding.difference_in_words(measured),
                f"{measured['wins']} rows",
                f"{measured['losses']} rows",
                rounding.p_value(measured["p"]),
                str(measured["test"]),
            )
    return table


def _gate(report: Mapping[str, Any]) -> Table:
    table = titled("required", ["bound"])
    table.add_column("measured", justify="right")
    table.add_column("met")
    for bound in report["gate"]:
        met = Text("yes") if bound["met"] else Text("no", style="bold")
        table.add_row(Text(f"{bound['metric']} {bound['bound']}"), findings.reached(bound), met)
    return table


def _misses(report: Mapping[str, Any]) -> Table:
    table = titled("where the fine-tuned model did worst (ties in row order)", [])
    table.add_column("row", justify="right")
    table.add_column("answer")
    table.add_column("expected")
    for miss in report["misses"]:
        table.add_row(str(miss["row"]), _short(miss["answer"]), _short(miss["reference"]))
    return table


def _short(text: str) -> Text:
    """In one line, nothing that moves the cursor."""
    seen = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    return Text(seen if len(seen) <= WIDEST else seen[: WIDEST - 1] + "…")
