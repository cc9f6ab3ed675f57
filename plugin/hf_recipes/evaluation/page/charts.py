"""Charts as HTML and SVG: no library, no inline style, the same bytes for the same numbers.

Lengths are shares of what a chart is given, so that one drawing fits a phone and a desktop with letters of one size; colours are
the style sheet's, so that it also fits light and dark. Every chart says in words what it shows.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.evaluation.page.words import SHAPES, mark, method_class
from hf_recipes.evaluation.rounding import interval_in_words, share
from hf_recipes.evaluation.shown import escaped, method_label, metric_name

HEIGHT = 250
"""Pixels of a plot with two axes."""
LABEL_ROOM = 17
"""Pixels between two labels, one above the other."""
BINS = 24


def figure(title: str, note: str, words: str, drawing: str) -> str:
    """`words`: the chart for who can't see it."""
    small = f" <small>{escaped(note)}</small>" if note else ""
    return (
        f'<figure class="chart"><figcaption>{escaped(title)}{small}</figcaption>'
        f'<div role="img" aria-label="{escaped(words)}">{drawing}</div></figure>'
    )


def quality_chart(metric: str, methods: Mapping[str, Mapping[str, Any]]) -> str:
    """One metric of every method, with its interval; empty where no method has it."""
    bars, words = [], []
    for name, result in methods.items():
        measured = result.get("metrics", {}).get(metric)
        if measured is None:
            continue
        whisker = ""
        if interval_in_words(measured):
            low, high = (f"{_share(measured[key]):.2%}" for key in ("low", "high"))
            ends = "".join(f'<line x1="{x}" x2="{x}" y1="6" y2="16"/>' for x in (low, high))
            whisker = f'<g class="whisker"><line x1="{low}" x2="{high}" y1="11" y2="11"/>{ends}</g>'
        value = share(measured["value"])
        bars.append(
            f'<div class="bar {method_class(name)}"><span class="who">{mark(name)}{escaped(method_label(name))}</span><svg class="track" height="22">'
            f'<rect class="ground" width="100%" height="22" rx="5"/><rect class="fill" width="{_share(measured["value"]):.2%}" height="22" rx="5"/>'
            f'{whisker}</svg><span class="number">{value}</span></div>'
        )
        words.append(
            f"{method_label(name)} {value}"
            + (f" ({interval_in_words(measured)})" if interval_in_words(measured) else "")
        )
    if not bars:
        return ""
    scale = '<div class="bar scale"><span class="who"></span><span class="ticks"><span>0%</span><span>50%</span><span>100%</span></span></div>'
    note = "line: 95 % interval" if any("<g" in bar for bar in bars) else ""
    name = metric_name(metric)
    return figure(name, note, f"{name}: {'; '.join(words)}.", "".join(bars) + scale)


def cost_chart(metric: str, methods: Mapping[str, Mapping[str, Any]], n: int) -> str:
    """Tokens a request, across, against the metric, upwards: the upper left corner is where one wants to be."""
    if n < 1:
        return ""
    points = [
        (name, (result["prompt_tokens"] + result["completion_tokens"]) / n, result["metrics"][metric])
        for name, result in methods.items()
        if metric in result.get("metrics", {}) and {"prompt_tokens", "completion_tokens"} <= result.keys()
    ]
    if not points:
        return ""
    ticks = _ticks(max(tokens for _, tokens, _ in points) * 1.05)
    drawn, wanted, words = [], [], []
    for name, tokens, measured in points:
        x, y = tokens / ticks[-1], HEIGHT * (1 - _share(measured["value"]))
        said = f"{method_label(name)}: {tokens:,.0f} tokens, {share(measured['value'])}"
        words.append(said)
        whisker = ""
        if interval_in_words(measured):
            top, bottom = (HEIGHT * (1 - _share(measured[key])) for key in ("high", "low"))
            whisker = f'<line class="whisker" x1="{x:.2%}" x2="{x:.2%}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
        drawn.append(
            f'<g class="point {method_class(name)}">{whisker}<svg x="{x:.2%}" y="{y:.1f}" width="1" height="1" overflow="visible">'
            f'<g class="mark {method_class(name)}" transform="translate(-8 -8)">{SHAPES.get(name, SHAPES["zero-shot"])}</g><title>{escaped(said)}</title></svg></g>'
        )
        wanted.append((y + 4, x, name))
    for y, x, name in _apart(wanted):
        side = 'text-anchor="end" dx="-13"' if x > 0.55 else 'dx="13"'
        drawn.append(
            f'<text class="label {method_class(name)}" x="{x:.2%}" y="{y:.1f}" {side}>{escaped(method_label(name))}</text>'
        )
    axes = _axes([(f"{tick:,.0f}", tick / ticks[-1]) for tick in ticks], [(f"{25 * i}%", i / 4) for i in range(5)])  # fmt: skip
    return figure(
        "Cost against quality",
        f"{metric_name(metric)} by tokens a request, prompt and answer",
        "; ".join(words) + ".",
        f'<div class="plot"><svg height="{HEIGHT}">{axes}{"".join(drawn)}</svg></div>',
    )


def length_chart(title: str, counts: Mapping[str, Sequence[int]]) -> str:
    """How many tokens, row by row, one histogram a method on a common axis; empty without any."""
    counts = {name: values for name, values in counts.items() if values}
    if not counts:
        return ""
    top = _ticks(max(max(values) for values in counts.values()))[-1]
    bars, words = [], []
    for name, values in counts.items():
        filled = [0] * BINS
        for value in values:
            filled[min(BINS - 1, int(BINS * value / top))] += 1
        rects = "".join(
            f'<rect x="{(place + 0.06) / BINS:.2%}" width="{0.88 / BINS:.2%}" y="{40 * (1 - count / max(filled)):.1f}" height="{40 * count / max(filled):.1f}">'
            f"<title>{_range(place, top)} tokens: {count:,} rows</title></rect>"
            for place, count in enumerate(filled)
            if count
        )
        middle = statistics.median(values)
        bars.append(
            f'<div class="bar {method_class(name)}"><span class="who">{mark(name)}{escaped(method_label(name))}</span>'
            f'<svg class="histogram" height="41">{rects}<line class="ground" x1="0" x2="100%" y1="40.5" y2="40.5"/></svg>'
            f'<span class="number">{middle:,.0f}</span></div>'
        )
        words.append(
            f"{method_label(name)} {min(values):,} to {max(values):,}, half of them at most {middle:,.0f}"
        )
    ticks = f"<span>0</span><span>{top / 2:,.0f}</span><span>{top:,.0f}</span>"
    scale = f'<div class="bar scale"><span class="who"></span><span class="ticks">{ticks}</span></div>'
    return figure(
        title, "number: the median, in tokens", f"{title}: {'; '.join(words)}.", "".join(bars) + scale
    )


def loss_chart(train: Sequence[tuple[int, float]], held_out: Sequence[tuple[int, float]] = ()) -> str:
    """(step, loss) of training, and of a validation split where there was one; empty without any."""
    every = [*train, *held_out]
    if not every:
        return ""
    across, up = _ticks(max(step for step, _ in every)), _ticks(max(loss for _, loss in every))
    lines, words = [], []
    for name, series in (("training", train), ("validation", held_out)):
        if not series:
            continue
        places = " ".join(f"{100 * step / across[-1]:.2f},{100 * (1 - loss / up[-1]):.2f}" for step, loss in series)  # fmt: skip
        lines.append(f'<polyline class="{name}" points="{places}" vector-effect="non-scaling-stroke"/>')
        words.append(
            f"{name} loss from {series[0][1]:.3f} at step {series[0][0]:,} to {series[-1][1]:.3f} at step {series[-1][0]:,}"
        )
    axes = _axes(
        [(f"{tick:,.0f}", tick / across[-1]) for tick in across],
        [(f"{tick:g}", tick / up[-1]) for tick in up],
    )
    note = "by step" + ("; dashed: validation" if held_out else "")
    return figure(
        "Training loss",
        note,
        "; ".join(words) + ".",
        f'<div class="plot"><svg height="{HEIGHT}">{axes}<svg class="lines" width="100%" height="{HEIGHT}" viewBox="0 0 100 100" preserveAspectRatio="none">{"".join(lines)}</svg></svg></div>',
    )


def _axes(across: Sequence[tuple[str, float]], up: Sequence[tuple[str, float]]) -> str:
    """Grid lines with their numbers; a place is a share of the axis."""
    rows = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{HEIGHT * (1 - place):.1f}" y2="{HEIGHT * (1 - place):.1f}"/>'
        f'<text class="tick" x="0" dx="-8" y="{HEIGHT * (1 - place) + 4:.1f}" text-anchor="end">{escaped(name)}</text>'
        for name, place in up
    )
    columns = "".join(
        f'<text class="tick" x="{place:.2%}" y="{HEIGHT + 20}" text-anchor="{_anchor(place)}">{escaped(name)}</text>'
        for name, place in across
    )
    return rows + columns


def _anchor(place: float) -> str:
    return "start" if place == 0 else "end" if place == 1 else "middle"


def _apart(labels: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """(y, x, name), moved up where one would cover another."""
    placed: list[tuple[float, float, str]] = []
    for y, x, name in sorted(labels, reverse=True):
        for other, at, _ in placed:
            if abs(at - x) < 0.4 and y > other - LABEL_ROOM:
                y = other - LABEL_ROOM
        placed.append((y, x, name))
    return placed


def _ticks(most: float) -> list[float]:
    """From 0 by a round step, to `most` or the next step beyond; 3 to 6 of them. To 1 where nothing is above 0."""
    most = most if most > 0 else 1
    rough = most / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * (1 - 1e-9))
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


def _range(place: int, top: float) -> str:
    return f"{math.ceil(place * top / BINS):,} to {math.ceil((place + 1) * top / BINS) - 1:,}"


def _share(value: float) -> float:
    return max(0.0, min(1.0, float(value)))
