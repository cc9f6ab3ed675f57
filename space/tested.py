"""Test rows with every answer, to look through: a bounded number, closed until they are opened. Everything is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation.shown import text

TEXT_LIMIT = 2000
"""Characters of one text."""
ONE_LINE = 110
NAMES = {"zero-shot": "Base, asked plainly", "few-shot": "Base, shown examples", "retrieval": "Base, shown near examples", "reference": "Reference model", "fine-tuned": "Fine-tuned"}  # fmt: skip
CHOICES = {"all": "All", "wrong": "Fine-tuned is wrong", "differ": "Methods disagree"}


def rows(found: Sequence[Mapping[str, Any]], n: int, metric: str) -> str:
    """`n`: how many there are in all; `metric`: the one by which an answer is right. Empty without rows."""
    if not found:
        return ""
    shown = [_row(one, metric) for one in found]
    count = (
        f"the first {len(found):,} of {n:,}; report.html of the run has them all"
        if n > len(found)
        else f"{len(found):,} rows"
    )
    # The choice is the style sheet's affair: no row is asked for again.
    choices = "".join(
        f'<label><input type="radio" name="hr-rows" value="{value}"{" checked" if value == "all" else ""}> {name}</label>'
        for value, name in CHOICES.items()
        if value == "all" or any(f" {value}" in one for one in (row.partition(">")[0] for row in shown))
    )
    return (
        f'<section class="hr-eval hr-rows"><h2>Test rows <small>{count}</small></h2>'
        f"<fieldset><legend>Show</legend>{choices}</fieldset>{''.join(shown)}</section>"
    )


def _row(one: Mapping[str, Any], metric: str) -> str:
    judged = {method: _right(answer, metric) for method, answer in one["answers"].items()}
    classes = "row"
    if judged.get("fine-tuned") is False:
        classes += " wrong"
    if len({right for right in judged.values() if right is not None}) > 1:
        classes += " differ"
    question = _question(one["messages"])
    line = question if len(question) <= ONE_LINE else question[:ONE_LINE] + " …"
    answers = "".join(_answer(method, answer, judged[method]) for method, answer in one["answers"].items())
    return (
        f'<details class="{classes}"><summary><span class="number">{text(one["row"])}</span> {text(" ".join(line.split()))} '
        f'<span class="marks">{"".join(_mark(method, right) for method, right in judged.items())}</span></summary>'
        f"<dl><dt>Prompt</dt><dd>{_cut(question)}</dd><dt>Expected</dt><dd>{_cut(one['reference'])}</dd>{answers}</dl></details>"
    )


def _answer(method: str, answer: Mapping[str, Any], right: bool | None) -> str:
    said = "" if right is None else " ✓ right" if right else " ✗ wrong"
    tone = "" if right is None else ' class="right"' if right else ' class="wrong"'
    return f"<dt{tone}>{text(NAMES.get(method, method))}{said}</dt><dd>{_cut(answer.get('answer', ''))}</dd>"


def _mark(method: str, right: bool | None) -> str:
    if right is None:
        return ""
    name = f"{NAMES.get(method, method)}: {'right' if right else 'wrong'}"
    return f'<span class="{"right" if right else "wrong"}" title="{text(name)}" role="img" aria-label="{text(name)}">{"✓" if right else "✗"}</span>'


def _right(answer: Mapping[str, Any], metric: str) -> bool | None:
    value = (answer.get("scores") or {}).get(metric)
    return None if value is None else value == 1


def _question(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the user said last."""
    said = [str(one.get("content") or "") for one in messages if one.get("role") == "user"]
    return said[-1] if said else ""


def _cut(value: object) -> str:
    whole = str(value)
    return text(whole if len(whole) <= TEXT_LIMIT else f"{whole[:TEXT_LIMIT]} …") or "<i>(empty)</i>"
