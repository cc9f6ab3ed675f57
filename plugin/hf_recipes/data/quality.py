"""What the counts of a data set say about it: problems, which have to be mended before training, and warnings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hf_recipes.data.needed import MOST_TIMES, VERTEX_BALANCE, Needed
from hf_recipes.recipe.problem import Problem

FEW = 200
"""Up to so many different answers are counted one by one."""
LONGEST_ANSWER = 80
REPEATED = 5
"""Free answers are labels where each stands in so many rows on average."""
WIDEST = 0.10
"""A test split is small when a share of one half is known to no better than this to either side."""

At = Callable[[str, str, str, str], Problem]
"""(key of the recipe, code, message, hint) → a problem at that place."""


class Answers:
    """Counts the answers of a split while they are few; holds at most FEW of them."""

    def __init__(self, *, classes: bool) -> None:
        self.counts: Counter[str] | None = Counter()
        self.rows = 0
        self._classes = classes
        self._first: dict[str, str] = {}

    def add(self, answers: Sequence[str], place: str = "") -> None:
        """`place`: file and line of the row."""
        self.rows += 1
        if self.counts is None:
            return
        if not self._classes and any(len(answer) > LONGEST_ANSWER for answer in answers):
            self.counts = None
            return
        self.counts.update(answers)
        for answer in answers:
            self._first.setdefault(answer, place)
        if len(self.counts) > FEW:
            self.counts = None

    def labels(self, *, known: bool = False) -> dict[str, int]:
        """Answer → rows, the most common first; empty where answers are not few. `known`: those of another split are labels."""
        if not self.counts or not (self._classes or known or self.rows >= REPEATED * len(self.counts)):
            return {}
        return dict(self.counts.most_common())

    def places(self, labels: Iterable[str]) -> dict[str, str]:
        """Where each of these stands first."""
        return {label: self._first[label] for label in labels if self._first.get(label)}


def label_facts(train: Answers, test: Answers) -> dict[str, dict[str, dict[str, Any]]]:
    """`labels`: rows of each, by split; `label_places`: where those that one split alone has stand first."""
    counts = {"train": train.labels(), "test": {}}
    counts["test"] = test.labels(known=bool(counts["train"]))
    alone = {
        "train": train.places(counts["train"].keys() - counts["test"].keys()) if counts["test"] else {},
        "test": test.places(counts["test"].keys() - counts["train"].keys()) if counts["train"] else {},
    }
    return {"labels": counts, "label_places": alone}


def judge_rows(
    facts: Mapping[str, Any],
    needed: Needed | None,
    at: At,
    *,
    limit: int | None = None,
    columns: str = "data.messages",
    skips: bool = False,
) -> tuple[list[Problem], list[Problem]]:
    """(problems, warnings) that follow from the counts; those of single rows are found while reading.

    `limit` training rows are drawn at the most; `columns` is the recipe's key that says which columns are read;
    `skips`: whether rows that cannot be used are left out.
    """
    train, test = facts["labels"].get("train", {}), facts["labels"].get("test", {})
    rows = {name: split["rows"] for name, split in facts["splits"].items()}
    unknown = _unknown_classes(facts, train, test, at, skips)
    problems = [
        *_one_class(facts, train, at),
        *([] if skips else unknown),
        *_too_few_tokens(facts, at),
    ]
    warnings = [
        *(unknown if skips else []),
        *_cut(facts, at),
        *_too_few(rows.get("train"), train, needed, limit, at),
        *_unbalanced(train, at),
        *_unknown_labels(facts, train, test, at),
        *_unmeasured_labels(facts, train, test, at),
        *_one_test_class(train, test, rows.get("test"), at),
        *_few_test_rows(rows.get("test"), at),
        *_unused(facts["columns"]["unused"], facts["columns"].get("system"), columns, at),
    ]
    return problems, warnings


def half_width(rows: int) -> float:
    """Half of the 95 % Wilson interval of a share of one half, measured on so many rows."""
    z = 1.96
    return z * math.sqrt(0.25 / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)


def _one_class(facts: Mapping[str, Any], train: Mapping[str, int], at: At) -> list[Problem]:
    if facts["classes"] != "label" or len(train) != 1:
        return []
    return [at("data.path", "one-class", "all training rows have one label; a classifier needs two", "")]


def _too_few_tokens(facts: Mapping[str, Any], at: At) -> list[Problem]:
    tokens = facts["tokens"]
    if not (tokens and tokens["packed"] and tokens["limit"] and 0 < tokens["total"] < tokens["limit"]):
        return []
    message = f"all training rows together are {tokens['total']} tokens, less than one block of {tokens['limit']}: nothing would be trained on"
    hint = f"{max(1, tokens['total'] // 2)} or less, or more rows"
    return [at("params.block_size", "too-little-data", message, hint)]


def _cut(facts: Mapping[str, Any], at: At) -> list[Problem]:
    tokens = facts["tokens"]
    if not tokens or not tokens["cut"]:
        return []
    count, of = tokens["cut"], f"of {tokens['rows']:,} training rows"
    longest = f"the longest row has {tokens['max']} tokens"
    if tokens["packed"]:
        message = f"{count:,} {of} are longer than a block of {tokens['limit']} tokens: each is spread over several, and never seen whole"
        return [at(tokens["limited_by"], "cut", message, longest)]
    return [
        at(
            trim["key"],
            trim["code"],
            f"{trim['rows']:,} {of} {trim['what']}: {trim['limit']} tokens are the limit",
            longest,
        )
        for trim in tokens["trims"]
    ]


def _too_few(
    rows: int | None, train: Mapping[str, int], needed: Needed | None, limit: int | None, at: At
) -> list[Problem]:
    if needed is None or not rows:
        return []
    found = []
    used = min(rows, limit) if limit else rows
    if needed.rows and used < needed.rows:
        left = f"{used} of {rows:,} training rows are trained on" if used < rows else f"{used} training rows"
        message = f"{left}, where {needed.rows} are the least that is known to help"
        key = "data.limit" if used < rows else "data.path"
        found.append(at(key, "few-rows", message, needed.source))
    if needed.per_label and train:
        few = [label for label, count in train.items() if count < needed.per_label]
        if few:
            message = f"{len(few)} of {len(train)} labels have fewer than {needed.per_label} training rows: {_some(few[::-1], train)}"
            found.append(at("data.path", "few-rows-of-a-label", message, needed.source))
    return found


def _unbalanced(train: Mapping[str, int], at: At) -> list[Problem]:
    if len(train) < 2:
        return []
    most, least = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
    if train[most] <= MOST_TIMES * train[least]:
        return []
    message = f"{most!r} stands in {train[most]:,} training rows and {least!r} in {train[least]:,}: {train[most] // train[least]} times as often"
    return [at("data.path", "unbalanced", message, VERTEX_BALANCE)]


def _unknown_classes(
    facts: Mapping[str, Any], train: Mapping[str, int], test: Mapping[str, int], at: At, skips: bool
) -> list[Problem]:
    """A classifier has no output for a label that it was not trained on, and preparing the data ends there."""
    unknown = sorted(set(test) - set(train)) if facts["classes"] and train else []
    if not unknown:
        return []
    message = f"{_counted(unknown, test, _places(facts, 'test'))} of the test rows stand in no training row"
    if skips:
        return [at("data.test_split", "unknown-label", f"{message}: a run leaves them out", "")]
    return [at("data.test_split", "unknown-label", message, "data.skip_broken: true leaves such rows out")]


def _unknown_labels(
    facts: Mapping[str, Any], train: Mapping[str, int], test: Mapping[str, int], at: At
) -> list[Problem]:
    unknown = sorted(set(test) - set(train)) if not facts["classes"] and train and test else []
    if not unknown:
        return []
    message = f"{_counted(unknown, test, _places(facts, 'test'))} of the test rows stand in no training row"
    return [
        at("data.test_split", "unknown-answer", message, "a model can only guess what it was never shown")
    ]


def _unmeasured_labels(
    facts: Mapping[str, Any], train: Mapping[str, int], test: Mapping[str, int], at: At
) -> list[Problem]:
    unmeasured = [label for label in train if label not in test] if test else []
    if not unmeasured:
        return []
    message = f"{_counted(unmeasured, train, _places(facts, 'train'))} of the training rows stand in no test row: how well they are learned is not measured"
    return [at("data.test_split", "unmeasured-label", message, "")]


def _one_test_class(
    train: Mapping[str, int], test: Mapping[str, int], rows: int | None, at: At
) -> list[Problem]:
    if len(test) != 1 or len(train) < 2 or not rows or rows < 2:
        return []
    message = f"all {rows:,} test rows have one label, {next(iter(test))!r}: a model that always says it is right in each"
    return [at("data.test_split", "one-class-test", message, "draw test rows of every label")]


def _few_test_rows(rows: int | None, at: At) -> list[Problem]:
    if not rows or half_width(rows) <= WIDEST:
        return []
    message = f"{rows} test row{'s' if rows > 1 else ''}: a score of 50 % is known to ±{100 * half_width(rows):.0f} points only"
    return [at("data.test_split", "few-test-rows", message, "95 % Wilson interval; more rows show more")]


def _unused(names: Sequence[str], system: str | None, key: str, at: At) -> list[Problem]:
    if not names:
        return []
    shown = ", ".join(repr(name) for name in names[:8]) + (
        f" and {len(names) - 8} more" if len(names) > 8 else ""
    )
    message = f"{len(names)} column{'s' if len(names) > 1 else ''} of the data {'are' if len(names) > 1 else 'is'} not used: {shown}"
    hint = f"data.system_column: {system} puts it before the messages as their system turn" if system else ""
    return [at(key, "unused-column", message, hint)]


def _places(facts: Mapping[str, Any], part: str) -> Mapping[str, str]:
    found: Mapping[str, str] = facts.get("label_places", {}).get(part, {})
    return found


def _counted(labels: Sequence[str], counts: Mapping[str, int], places: Mapping[str, str]) -> str:
    first = places.get(labels[0])
    return f"{len(labels)} label{'s' if len(labels) > 1 else ''} ({_some(labels, counts)}{f'; the first at {first}' if first else ''})"


def _some(labels: Sequence[str], counts: Mapping[str, int], most: int = 5) -> str:
    shown = ", ".join(f"{label!r} {counts[label]}" for label in labels[:most])
    return shown + (f" and {len(labels) - most} more" if len(labels) > most else "")
