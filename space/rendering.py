"""The page's own HTML: panes, statistics, the evaluation. Everything from outside is escaped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import measured_rows
from hf_recipes.data.measurable import json_value
from hf_recipes.evaluation import findings, rounding
from hf_recipes.evaluation.shown import escaped, method_label, metric_name
from settings import PairSettings

LABELS = {"base": "Base", "fine-tuned": "Fine-tuned"}
MARKS = {
    "base": '<svg class="mark" viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="2.5"/></svg>',
    "reference": '<svg class="mark" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 2l6 6-6 6-6-6z" fill="none" stroke="currentColor" stroke-width="2.5"/></svg>',
    "fine-tuned": '<svg class="mark" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1l2 5 5 2-5 2-2 5-2-5-5-2 5-2z" fill="currentColor"/></svg>',
}
COPY = '<button type="button" class="copy" data-copy aria-live="polite">Copy</button>'
"""Copies the text of the answer that it stands with; page.js does it."""
DECISIONS = {
    "fine-tuned": "Fine-tuning is worth it",
    "baseline": "The base is better",
    "no-difference": "No difference shown",
    "too-few-rows": "Too few rows to tell",
    "not-measured": "Not measured: answers were cut",
}


def pane_header(title: str, pair: PairSettings) -> str:
    base = f"<b>{escape(pair.base_name)}</b>" if pair.base_name else "a base model"
    return (
        f'<header class="hr-head"><h1>{escape(title)}</h1><p>One prompt, two models: {base} as it'
        f" was, and after fine-tuning. Both answer at the same time.</p>{_links(pair)}</header>"
    )


def _links(pair: PairSettings) -> str:
    """Where a pushed model and its base are on the Hub."""
    if not pair.repo:
        return ""
    hub = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    named = [pair.base] if pair.base and not pair.base.startswith("bundled/") else []
    links = (
        f'<a href="{escape(hub)}/{escape(repo)}" target="_blank" rel="noopener">{escape(repo)}</a>'
        for repo in (pair.repo, *named)
    )
    return f'<p class="hr-links">{" from ".join(links)}</p>'


def pane(
    which: str,
    name: str,
    delta: Any = None,
    *,
    prompt_tokens: int | None = None,
    limit: int | None = None,
    note: str = "",
    doing: str = "",
    same: bool = False,
) -> str:
    """One model's column. `limit`: the most tokens of an answer; `note` stands where the answer will be; `doing`: one
    word for what is done for it meanwhile; `same`: whether the other model gave the same answer."""
    state = ("loading" if doing else "idle") if delta is None else ("done" if delta.done else "running")
    named = f'<span class="name">{escape(name)}</span>' if name else ""
    return (
        f'<section class="pane {which}" data-model="{which}" data-state="{state}" aria-label="{LABELS[which]} model">'
        f"<h2>{kind_label(which)}{named}{_badges(delta, limit, doing, same)}</h2>"
        # Not the answer itself is read out: it would be begun anew with each of its tokens.
        f'<p class="hr-hidden" role="status">{_told(which, delta, doing)}</p>'
        f'<div class="answer">{_answer(delta, note)}</div>{_statistics(delta, prompt_tokens)}</section>'
    )


def kind_label(which: str) -> str:
    return f'{MARKS[which]}<span class="kind">{LABELS[which]}</span>'


def error(text: str) -> str:
    return (
        f'<div class="hr-error" role="alert"><b>That did not work.</b> {escape(text)}</div>' if text else ""
    )


def lost() -> str:
    """What page.js shows when the server is gone while it answers."""
    return (
        '<div class="hr-lost" role="alert" hidden><b>The connection was lost.</b> These answers will not go on.'
        " Reload the page; what you typed stays. If it does not come back, its server has ended and must be started"
        ' again. <button type="button" data-reload>Reload</button></div>'
    )


def _told(which: str, delta: Any, doing: str) -> str:
    """What a screen reader says of it, once each."""
    if delta is None:
        return f"{LABELS[which]}: {doing}" if doing else ""
    return f"{LABELS[which]}: {'answered' if delta.done else 'answering'}"


def _badges(delta: Any, limit: int | None, doing: str, same: bool) -> str:
    if delta is None:
        return f'<span class="badge live">{doing}</span>' if doing else ""
    if not delta.done:
        return '<span class="badge live">answering</span>'
    told = ["same answer"] if same else []
    if _as_json(delta.text) is not None:
        told.append("valid JSON")
    # Without a word it looks as if it ended in the middle of a sentence by itself.
    elif delta.stopped:
        told.append("stopped")
    elif delta.tokens == limit:
        told.append(f"at the limit of {limit} tokens")
    return "".join(f'<span class="badge">{badge}</span>' for badge in told)


def _answer(delta: Any, note: str) -> str:
    if delta is None:
        return f'<p class="empty">{escape(note)}</p>'
    return reasoning(delta) + _said(delta)


def reasoning(delta: Any) -> str:
    """What a model wrote before its answer; open while there is no answer yet."""
    if not delta.reasoning.strip():
        return ""
    opened = "" if delta.done or delta.text.strip() else " open"
    return (
        f'<details class="hr-reasoning"{opened}><summary>Reasoning</summary>'
        f"<p>{escape(delta.reasoning.strip())}</p></details>"
    )


def _said(delta: Any) -> str:
    structured = _as_json(delta.text) if delta.done else None
    if structured is not None:
        return f'<pre class="json" data-text="{escape(delta.text)}">{_coloured(structured)}</pre>'
    if delta.done and not delta.text.strip():
        nothing = "(stopped before its first word)" if delta.stopped else "(an empty answer)"
        nothing = "(no answer behind its reasoning)" if delta.reasoning.strip() else nothing
        return f'<p class="empty" data-text="">{nothing}</p>'
    cursor = "" if delta.done else '<i class="cursor"></i>'
    code = " code" if delta.text.lstrip().startswith(("{", "[")) else ""
    return f'<div class="text{code}" data-text="{escape(delta.text)}">{escape(delta.text)}{cursor}</div>'


def _as_json(text: str) -> Any:
    """The object or list that the text is; None for anything else."""
    try:
        value = json_value(text)
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


def _coloured(value: Any, depth: int = 0) -> str:
    """Indented JSON with its keys and values marked for the style sheet."""
    indent, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict) and value:
        lines = [
            f'{indent}<span class="key">{_json(key)}</span>: {_coloured(item, depth + 1)}'
            for key, item in value.items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{end}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(indent + _coloured(item, depth + 1) for item in value) + f"\n{end}]"
    return f'<span class="value">{_json(value)}</span>'


def _json(value: Any) -> str:
    # JSON can spell half of a character, which is no text that could be sent: it stays spelled.
    written = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    return escape(written, quote=False)


def _statistics(delta: Any, prompt_tokens: int | None) -> str:
    if delta is None:
        cells = [("First token", "–"), ("Speed", "–"), ("Tokens in / out", "–")]
        stamp = ""
    else:
        first = delta.first_token_seconds
        after = delta.seconds - first if first is not None else 0.0
        speed = f"{(delta.tokens - 1) / after:.1f} tok/s" if delta.tokens > 1 and after > 0 else "–"
        cells = [
            ("First token", f"{first:.2f} s" if first is not None else "–"),
            ("Speed", speed),
            ("Tokens in / out", f"{prompt_tokens if prompt_tokens is not None else '–'} / {delta.tokens}"),
        ]
        stamp = (
            f'<p class="stamp" title="Follows from the weights that made this answer">weights'
            f' <code data-weights="{escape(delta.weights)}">{escape(delta.weights)}</code>'
            f"{COPY if delta.done and delta.text.strip() else ''}</p>"
        )
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in cells)
    return f"<footer><dl>{rows}</dl>{stamp}</footer>"


def report_summary(report: Mapping[str, Any] | None) -> str:
    """What the evaluation concludes, below the answers; empty without a verdict or a warning."""
    concluded = _warnings(report or {}) + _verdict((report or {}).get("verdict"))
    return (
        f'<section class="hr-summary" aria-label="Verdict of the evaluation">{concluded}</section>'
        if concluded
        else ""
    )


def evaluation(report: Mapping[str, Any] | None, rows: Sequence[Mapping[str, Any]] = ()) -> str:
    """The recipe's evaluation: what it concludes, a chart with intervals, a table, test rows. Says so where there is none."""
    if report is None or not report.get("methods"):
        known = report or {}
        trained = findings.training_sentence(known)
        return (
            f'<section class="hr-eval none"><h2>Evaluation</h2>{_warnings(known)}<p>Nothing was measured in this run. Of chat'
            " models that llm-sft or llm-generic trains, <code>evaluate:</code> in the recipe has both models answer held-out"
            f" rows, and the numbers stand here.</p>{f'<p>{escaped(trained)}</p>' if trained else ''}</section>"
        )
    n = int(report.get("n") or 0)
    metrics = list(
        dict.fromkeys(name for result in report["methods"].values() for name in result.get("metrics", {}))
    )
    charts = "".join(_chart(name, report["methods"]) for name in metrics)
    source = f"{n:,} held-out rows, none of them trained on" if n else "as the model's card gives it"
    return (
        f'<section class="hr-eval"><h2>Evaluation <small>{source}</small></h2>'
        f'{_warnings(report)}{_verdict(report.get("verdict"))}{_findings(report)}<div class="charts">{charts}</div>{_table(report, metrics, n)}'
        f"{_gate(report.get('gate'))}</section>{measured_rows.rows(rows, n, _deciding(report, metrics))}"
    )


def _warnings(report: Mapping[str, Any]) -> str:
    """What makes the numbers doubtful: above the verdict."""
    return "".join(
        f'<p class="verdict warning"><b>Warning.</b> {escaped(said)}</p>'
        for said in findings.warning_sentences(report)
    )


def _verdict(verdict: Any) -> str:
    if not isinstance(verdict, Mapping):
        return ""
    decision = str(verdict.get("decision") or "")
    return (
        f'<p class="verdict {escape(decision)}"><b>{escape(DECISIONS.get(decision, decision))}.</b>'
        f" {escaped(verdict.get('reason') or '')}</p>"
    )


def _findings(report: Mapping[str, Any]) -> str:
    """What training did, what was drawn from, what was saved and whether the model forgot, as far as it was measured."""
    told = (
        findings.training_sentence,
        findings.drawn_from,
        findings.savings_sentence,
        findings.forgetting_sentence,
    )
    said = filter(
        None,
        (*(tell(report) for tell in told), *findings.rows_that_tell_little(report), *findings.notes(report)),
    )
    return "".join(f'<p class="finding">{escaped(sentence)}</p>' for sentence in said)


def _gate(gate: Any) -> str:
    """The bounds of the recipe; empty where it has none."""
    items = "".join(
        f"<li>{'✓' if bound.get('met') else '✗'} {escaped(metric_name(str(bound.get('metric'))))} {escaped(bound.get('bound'))}"
        f"{'' if bound.get('met') else ': not met'}</li>"
        for bound in (gate if isinstance(gate, list) else ())
        if isinstance(bound, Mapping)
    )
    return f'<div class="gate"><h3>The recipe requires</h3><ul>{items}</ul></div>' if items else ""


def _deciding(report: Mapping[str, Any], metrics: list[str]) -> str:
    """The metric by which an answer is right or wrong."""
    named = (report.get("verdict") or {}).get("metric")
    return named if named in metrics else (metrics[0] if metrics else "")


def _kind(method: str) -> str:
    """What it is marked and coloured as."""
    return method if method in ("reference", "fine-tuned") else "base"


def _chart(metric: str, methods: Mapping[str, Any]) -> str:
    bars = []
    for name, result in methods.items():
        measured = result.get("metrics", {}).get(metric)
        if not measured:
            continue
        which = _kind(name)
        value, low, high = (
            max(0.0, min(1.0, float(measured.get(key, measured["value"]))))
            for key in ("value", "low", "high")
        )
        whisker = f'<i class="whisker" style="left:{low:.2%};width:{high - low:.2%}"></i>'
        bars.append(
            f'<div class="bar {which}"><span class="who">{MARKS[which]}{escaped(method_label(name))}</span>'
            f'<span class="track"><i class="fill" style="width:{value:.2%}"></i>'
            f"{whisker if 'low' in measured else ''}</span>"
            f'<span class="number">{rounding.share(value)}</span></div>'
        )
    intervals = any("low" in result.get("metrics", {}).get(metric, {}) for result in methods.values())
    title = escaped(metric_name(metric))
    return (
        f'<figure role="img" aria-label="{title} of each method"><figcaption>{title}'
        f"{'<small>line: 95 % interval</small>' if intervals else ''}</figcaption>{''.join(bars)}"
        '<div class="scale" aria-hidden="true"><span>0 %</span><span>50 %</span><span>100 %</span></div></figure>'
    )


def _table(report: Mapping[str, Any], metrics: list[str], n: int) -> str:
    methods, cut_at = report["methods"], findings.cut_at(report)
    head = "".join(f"<th>{escaped(metric_name(name))}</th>" for name in metrics)
    rows = []
    for name, result in methods.items():
        which = _kind(name)
        shares = ""
        for metric in metrics:
            found = result.get("metrics", {}).get(metric)
            bounds = rounding.interval_in_words(found) if found else ""
            interval = f" <small>{bounds}</small>" if bounds else ""
            shares += f"<td>{rounding.share(found['value'])}{interval}</td>" if found else "<td>–</td>"
        each = [
            f"{result[key] / n:,.1f}" if n and isinstance(result.get(key), (int, float)) else "–"
            for key in ("prompt_tokens", "completion_tokens")
        ]
        each += [escaped(findings.cut(result, n))] if cut_at else []
        seconds = f"{1000 * result['seconds'] / n:,.0f} ms" if n and result.get("seconds") else "–"
        cells = "".join(f"<td>{value}</td>" for value in [*each, seconds])
        rows.append(
            f'<tr class="{which}"><th scope="row">{MARKS[which]}{escaped(method_label(name))}</th>{shares}{cells}</tr>'
        )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Numbers of the evaluation"><table><thead><tr><th>Method</th>'
        f"{head}<th>tokens in</th><th>tokens out</th>{f'<th>{escaped(cut_at)}</th>' if cut_at else ''}<th>time a row</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
