"""`hf-recipes check`: whether the data is fit to train on, before anything is trained."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hf_recipes.cli.arguments import json_option, recipe_argument, settings_option
from hf_recipes.cli.errors import FAILED, WRONG_CALL
from hf_recipes.cli.output import console, document, result, say
from hf_recipes.data.answer_room import answer_lengths_sentence

if TYPE_CHECKING:
    from hf_recipes.api.check_data import Quality

SHOWN = 3
"""Places of one kind of finding; --json has 20 of them."""
BAR = 40
SECONDS_BETWEEN_LINES = 10.0


@click.command("check")
@recipe_argument
@settings_option
@json_option
@click.pass_context
def check_command(context: click.Context, recipe: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Read the data of RECIPE and report what is wrong with it: broken rows, duplicates, leaks, lengths, labels, secrets.

    Exits 2 where there is a problem, 0 where there are only warnings, 1 where the data could not be reached.
    """
    from hf_recipes.api import check_data

    with _progress() as hear:
        found = check_data.check_data(recipe, settings, say=say, hear=hear)
    if as_json:
        document(found.as_json())
    else:
        for line in quality_lines(found):
            result(line)
    if found.unreached:
        say(f"error: the data was not checked: {found.facts['unread']['data']}")
    context.exit(WRONG_CALL if found.problems else FAILED if found.unreached else 0)


def quality_lines(found: Quality) -> Iterator[str]:
    """The whole answer for a person."""
    facts = found.facts
    yield f"{found.file}: {found.task}, {found.base_model}"
    for part, split in facts["splits"].items():
        broken = f", {split['broken']:,} broken" if split["broken"] else ""
        yield f"  {part:<12}{split['rows']:,} rows{broken}  {_near(split['from'])}"
    for what, why in facts["unread"].items():
        yield f"  not read    {what}: {why}"
    for note in facts["notes"]:
        yield f"  note        {note}"
    yield from _tokens(facts["tokens"])
    if facts["answers"]:
        yield f"\nTokens of an answer: {answer_lengths_sentence(facts['answers'])}"
    yield from _labels(facts["labels"].get("train", {}))
    yield from _findings("Problems", found.problems, found.totals)
    yield from _findings("Warnings", found.warnings, found.totals)
    if not (found.problems or found.unreached or found.facts["left_to_trainer"]):
        yield "\nNo problems." if found.warnings else "\nNo problems, no warnings."


def _tokens(tokens: Mapping[str, Any]) -> Iterator[str]:
    if not tokens or not tokens["rows"]:
        return
    yield (
        f"\nTokens of a training row: median {tokens['median']:,}, 95 % up to {tokens['p95']:,}, "
        f"longest {tokens['max']:,}; {'about ' * (tokens['counted'] < tokens['rows'])}{tokens['total']:,} in all"
    )
    if tokens["counted"] < tokens["rows"]:
        yield (
            f"  counted in {tokens['counted']:,} of {tokens['rows']:,} rows, those that may be too long among them; "
            "how they spread and how many they are in all is estimated"
        )
    bins = tokens["histogram"]
    names = [f"{histogram_bin['first']:,} or more" if histogram_bin["last"] is None else f"{histogram_bin['first']:,} to {histogram_bin['last']:,}" for histogram_bin in bins]  # fmt: skip
    yield from _bars(names, [histogram_bin["rows"] for histogram_bin in bins])
    limit, key = tokens["limit"], tokens["limited_by"]
    if tokens["packed"] or not tokens["trims"]:
        cut = "longer than that" if tokens["packed"] else "cut there"
        if limit:
            yield f"  {key} allows {limit:,}: {tokens['cut']:,} of {tokens['rows']:,} rows are {cut}"
        return
    for trim in tokens["trims"]:
        yield f"  {trim['key']} allows {trim['limit']:,}: {trim['rows']:,} of {tokens['rows']:,} rows {trim['what']}"


def _labels(labels: Mapping[str, int]) -> Iterator[str]:
    if not labels:
        return
    yield f"\n{len(labels)} different answers in train"
    names = list(labels)
    shown = names if len(names) <= 8 else [*names[:4], *names[-3:]]
    rows = [_bar(_short(name), labels[name], max(labels.values())) for name in shown]
    if len(shown) < len(names):
        rows.insert(4, f"  … {len(names) - len(shown)} more")
    yield from rows


def _findings(title: str, problems: Sequence[Any], totals: Mapping[str, int]) -> Iterator[str]:
    if not problems:
        return
    yield f"\n{title}"
    for code in dict.fromkeys(problem.code for problem in problems):
        places = [problem for problem in problems if problem.code == code]
        total = max(totals.get(code, 0), len(places))
        if total == 1:
            yield f"  {_near(str(places[0]))}"
            continue
        yield f"  {code}: {total:,} rows"
        yield from (f"    {_near(str(place))}" for place in places[:SHOWN])
        if more := total - len(places[:SHOWN]):
            yield f"    … {more:,} more"


def _near(text: str) -> str:
    """Paths below this folder as a person would type them."""
    return text.replace(str(Path.cwd()) + "/", "")


def _bars(names: Sequence[str], rows: Sequence[int]) -> Iterator[str]:
    width = max(map(len, names))
    most = max(rows)
    for name, count in zip(names, rows, strict=True):
        yield _bar(f"{name:>{width}}", count, most)


def _bar(name: str, rows: int, most: int) -> str:
    length = max(1, round(BAR * rows / most)) if rows else 0
    return f"  {name:<24} {'█' * length}{' ' if length else ''}{rows:,}"


def _short(text: str) -> str:
    shown = " ".join(text.split())
    if shown != text or not text.isprintable():
        shown = repr(text)  # what is not seen tells it from another one
    return shown if len(shown) <= 24 else shown[:23] + "…"


@contextmanager
def _progress() -> Iterator[Any]:
    """How many rows have been read: in place on a terminal, else a line now and then."""
    if sys.stderr.isatty():
        with console(stderr=True).status("reading the data") as status:
            yield lambda told: status.update(f"reading the data: {told['rows']:,} rows")
        return
    last = time.monotonic()

    def hear(told: Mapping[str, Any]) -> None:
        nonlocal last
        if time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            say(f"reading the data: {told['rows']:,} rows")

    yield hear
