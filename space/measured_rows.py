"""Test rows with every answer, to look through: a bounded number, closed until they are opened. Everything is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation.rounding import share
from hf_recipes.evaluation.shown import escaped, method_label

TEXT_LIMIT = 2000
"""Characters of one text."""
ONE_LINE = 110
CHOICES = {"all": "All", "wrong": "Fine-tuned is wrong", "differ": "Methods disagree"}


def rows(found: Sequence[Mapping[str, Any]], n: int, metric: str) -> str:
    """`n`: how many there are in all; `metric`: the one by which an answer is right. Empty without rows."""
    if not found:
        return ""
    shown = [_row(item, metric) for item in found]
    count = (
        f"the first {len(found):,} of {n:,}; report.html of the run has them all"
        if n > len(found)
        else f"{len(found):,} rows"
    )
    # The style sheet does the filtering: no row is requested again.
    choices = "".join(
        f'<label><input type="radio" name="hr-rows" value="{value}"{" checked" if value == "all" else ""}> {name}</label>'
        for value, name in CHOICES.items()
        if value == "all" or any(f" {value}" in markup for markup in (row.partition(">")[0] for row in shown))
    )
    return (
        f'<section class="hr-eval hr-rows"><h2>Test rows <small>{count}</small></h2>'
        f"<fieldset><legend>Show</legend>{choices}</fieldset>{''.join(shown)}</section>"
    )


def _row(row: Mapping[str, Any], metric: str) -> str:
    judged = {method: _value(answer, metric) for method, answer in row["answers"].items()}
    classes = "row"
    if judged.get("fine-tuned") == 0:
        classes += " wrong"
    if len({value for value in judged.values() if value is not None}) > 1:
        classes += " differ"
    question = _question(row["messages"])
    line = question if len(question) <= ONE_LINE else question[:ONE_LINE] + " …"
    answers = "".join(_answer(method, answer, judged[method]) for method, answer in row["answers"].items())
    return (
        f'<details class="{classes}"><summary><span class="number">{escaped(row["row"])}</span> {escaped(" ".join(line.split()))} '
        f'<span class="marks">{"".join(_mark(method, value) for method, value in judged.items())}</span></summary>'
        f"<dl><dt>Prompt</dt><dd>{_cut(question)}</dd><dt>Expected</dt><dd>{_cut(row['reference'])}</dd>{answers}</dl></details>"
    )


def _answer(method: str, answer: Mapping[str, Any], value: float | None) -> str:
    said = {None: "", 1: " ✓ right", 0: " ✗ wrong"}.get(value, f" {share(value or 0)}")
    tone = {1: ' class="right"', 0: ' class="wrong"'}.get(value, "")
    return f"<dt{tone}>{escaped(method_label(method))}{said}</dt><dd>{_cut(answer.get('answer', ''))}</dd>"


def _mark(method: str, value: float | None) -> str:
    """A sign where the answer is right or wrong; a graded one has its number, and is neither."""
    if value is None:
        return ""
    said, sign = {1: ("right", "✓"), 0: ("wrong", "✗")}.get(value, (share(value), ""))
    name = escaped(f"{method_label(method)}: {said}")
    if not sign:
        return f'<span class="graded" title="{name}">{said}</span>'
    return f'<span class="{said}" title="{name}" role="img" aria-label="{name}">{sign}</span>'


def _value(answer: Mapping[str, Any], metric: str) -> float | None:
    value = (answer.get("scores") or {}).get(metric)
    return value if isinstance(value, (int, float)) else None


def _question(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the user said last."""
    said = [str(message.get("content") or "") for message in messages if message.get("role") == "user"]
    return said[-1] if said else ""


def _cut(value: object) -> str:
    whole = str(value)
    return escaped(whole if len(whole) <= TEXT_LIMIT else f"{whole[:TEXT_LIMIT]} …") or "<i>(empty)</i>"
