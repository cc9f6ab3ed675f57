"""The parts of the page that stand there without its script: verdict, table, comparisons, bounds, savings, forgetting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_recipes.evaluation import findings, rounding
from hf_recipes.evaluation.page.words import DECISIONS, mark, method_class
from hf_recipes.evaluation.report import metrics_of
from hf_recipes.evaluation.shown import escaped, method_label, metric_name

Report = Mapping[str, Any]


def verdict_section(report: Report) -> str:
    """With what makes it doubtful above it."""
    return warnings_section(report) + _concluded(report)


def warnings_section(report: Report) -> str:
    return "".join(
        f'<p class="verdict warning"><b>Warning.</b> {escaped(said)}</p>'
        for said in findings.warning_sentences(report)
    )


def _concluded(report: Report) -> str:
    found = report.get("verdict")
    if not found:
        return (
            '<p class="verdict">No verdict: it takes the fine-tuned model and a baseline, both measured.</p>'
        )
    decision = str(found.get("decision") or "")
    tone = decision if decision in DECISIONS else ""
    return (
        f'<p class="verdict {tone}"><b>{escaped(DECISIONS.get(decision, decision))}.</b> '
        f"{escaped(found.get('reason') or '')}</p>"
        + (f'<p class="soft">{escaped(said)}</p>' if (said := findings.decided_by(report)) else "")
    )


def facts_section(report: Report) -> str:
    """Training, savings and forgetting, each a sentence or two."""
    found = [
        part
        for part in (training_section(report), savings_section(report), forgetting_section(report))
        if part
    ]
    return f'<div class="facts">{"".join(found)}</div>' if found else ""


def training_section(report: Report) -> str:
    said = findings.training_sentence(report)
    return f'<section class="fact"><h3>What training did</h3><p>{escaped(said)}</p></section>' if said else ""


def savings_section(report: Report) -> str:
    found = report.get("savings")
    if not found:
        return ""
    lines = []
    against = method_label(str(found.get("against") or "the best baseline"))
    for key, unit in (
        ("prompt_tokens_saved", "prompt tokens"),
        ("completion_tokens_saved", "answer tokens"),
        ("seconds_saved", "seconds"),
    ):
        if key in found:
            lines.append(f"<li><b>{findings.saved(found[key], unit)}</b> a request</li>")
    pays = f"<p>{escaped(said)}</p>" if (said := findings.pays_back(found)) else ""
    basis = (
        f'<p class="soft">{escaped(str(found["basis"])[: findings.LONGEST])}</p>'
        if found.get("basis")
        else ""
    )
    return f'<section class="fact"><h3>Against {escaped(against)}</h3><ul>{"".join(lines)}</ul>{pays}{basis}</section>'


def forgetting_section(report: Report) -> str:
    found = report.get("forgetting")
    if not found:
        return ""
    flagged = bool(found.get("flagged"))
    numbers = [
        f"<li>{method_label(name) if name != 'base' else 'Base'} <b>{found[name]:.3f}</b> nats a token</li>"
        for name in ("base", "fine-tuned")
        if name in found
    ]
    difference = ""
    if "difference" in found:
        bounds = f" ({found['low']:+.3f} to {found['high']:+.3f})" if {"low", "high"} <= found.keys() else ""
        difference = f"<li>difference <b>{found['difference']:+.3f}</b>{bounds}</li>"
    said = findings.judged(found)
    why = f'<p class="soft">{escaped(str(found["why"])[: findings.LONGEST])}</p>' if found.get("why") else ""
    return (
        f'<section class="fact {"flagged" if flagged else ""}"><h3>Did it forget?</h3><p>{escaped(said[:1].upper() + said[1:])}.</p>'
        f"<ul>{''.join(numbers)}{difference}</ul>{why}</section>"
    )


def table(report: Report) -> str:
    """Each method with its metrics and intervals, tokens and time a row."""
    names, n, cut_at = metrics_of(report), report.get("n") or 0, findings.cut_at(report)
    cut_head = f'<th scope="col">{escaped(cut_at)}</th>' if cut_at else ""
    head = "".join(f'<th scope="col">{escaped(metric_name(name))}</th>' for name in names)
    lines = []
    for method, result in report["methods"].items():
        cells = [_measured(result.get("metrics", {}).get(name)) for name in names]
        cells += [_each(result.get(key), n, "{:,.1f}") for key in ("prompt_tokens", "completion_tokens")]
        cells += [escaped(findings.cut(result, n))] if cut_at else []
        cells.append(_each(result.get("seconds"), n, "{:,.0f} ms", 1000))
        served = (
            f" <small>{escaped(str(result.get('weights', '')).partition(':')[2])}</small>"
            if method == "reference"
            else ""
        )
        lines.append(
            f'<tr class="{method_class(method)}"><th scope="row">{mark(method)}{escaped(method_label(method))}{served}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
        )
    cached = [method_label(name) for name, result in report["methods"].items() if result.get("cached")]
    note = (
        f'<p class="soft">Answers of {escaped(", ".join(cached))} were taken from the cache; their seconds are those of when they were made.</p>'
        if cached
        else ""
    )
    return (
        _scrolled(
            "Numbers of every method",
            f'<thead><tr><th scope="col">Method</th>{head}<th scope="col">tokens in</th><th scope="col">tokens out</th>{cut_head}<th scope="col">time a row</th></tr></thead><tbody>{"".join(lines)}</tbody>',
        )
        + note
        + "".join(
            f'<p class="soft">{escaped(said)}</p>'
            for said in (findings.drawn_from(report), *findings.rows_that_tell_little(report))
            if said
        )
        + "".join(f'<p class="soft">{escaped(said)}</p>' for said in findings.notes(report))
    )


def comparisons(report: Report) -> str:
    """Fine-tuned minus each baseline; empty where none was compared."""
    lines = []
    for metric, baselines in (report.get("comparisons") or {}).items():
        for baseline, measured in baselines.items():
            difference = (
                f"{rounding.difference(measured['difference'])} points" if "difference" in measured else "–"
            )
            low_to_high = rounding.difference_in_words(measured)
            bounds = f" <small>{low_to_high}</small>" if low_to_high else ""
            p = escaped(rounding.p_value(measured["p"])) if "p" in measured else "–"
            cells = [difference + bounds, p, *(_count(measured.get(key)) for key in ("wins", "losses"))]
            lines.append(
                f'<tr><th scope="row">{escaped(metric_name(metric))}: against {escaped(method_label(baseline))}</th>'
                + "".join(f"<td>{cell}</td>" for cell in cells)
                + f'<td class="words">{escaped(measured.get("test") or "–")}</td></tr>'
            )
    if not lines:
        return ""
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "Fine-tuned",
            "difference (95 % interval)",
            "p",
            "only fine-tuned better",
            "only baseline better",
            "test",
        )
    )
    return (
        "<h3>The same rows, compared</h3>"
        + _scrolled(
            "Comparisons with each baseline",
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>",
        )
        + '<p class="soft">p is corrected by Holm over the baselines that can be the best.</p>'
    )


def gate(report: Report) -> str:
    """The bounds of the recipe; empty where it has none."""
    lines = []
    for bound in report.get("gate") or ():
        met = '<span class="good">yes</span>' if bound.get("met") else '<span class="bad">no</span>'
        lines.append(
            f'<tr><th scope="row">{escaped(metric_name(str(bound.get("metric"))))} {escaped(bound.get("bound") or "")}</th><td>{escaped(findings.reached(bound))}</td><td>{met}</td></tr>'
        )
    if not lines:
        return ""
    return "<h3>What the recipe requires</h3>" + _scrolled(
        "Bounds of the recipe",
        f'<thead><tr><th scope="col">Required</th><th scope="col">measured</th><th scope="col">met</th></tr></thead><tbody>{"".join(lines)}</tbody>',
    )


def _scrolled(name: str, inner: str) -> str:
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{name}"><table>{inner}</table></div>'


def _measured(found: Mapping[str, Any] | None) -> str:
    if not found:
        return "–"
    bounds = rounding.interval_in_words(found)
    return rounding.share(found["value"]) + (f" <small>{bounds}</small>" if bounds else "")


def _each(total: object, n: int, form: str, factor: float = 1) -> str:
    return form.format(factor * total / n) if isinstance(total, (int, float)) and n else "–"


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"
