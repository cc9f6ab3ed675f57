"""Labels that differ only in case, white space or invisible characters."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from hf_recipes.data.asked import Comparing
from hf_recipes.data.checks import CONVERTERS
from hf_recipes.data.findings import KEPT
from hf_recipes.data.messages import RowError
from hf_recipes.data.quality import FEW, LONGEST_ANSWER, REPEATED
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

MOST = 5000
"""Different labels that are compared."""
CODE = "label-spelling"
HINT = "write it the same everywhere, or a model is taught, and measured on, two answers for one"


def label_spellings(context: Context) -> Rule | None:
    form = context.form
    comparing = Comparing(form, context.job.settled)
    if column := form.label:
        convert = CONVERTERS[column.kind]

        def of_column(row: SeenRow) -> Sequence[str]:
            # The record may hold the number of the class already.
            try:
                value = convert(row.row.get(column.name))
            except RowError:
                return ()
            return tuple(map(str, value)) if isinstance(value, list) else (str(value),)

        return LabelSpellings(context, of_column, classes=True)
    classes = context.job.settled.get("task") == "classification"
    return LabelSpellings(context, lambda row: comparing(row.row, row.record).answers, classes=classes)


@dataclass
class _Spelling:
    rows: int = 0
    first: list[tuple[str, int]] = field(default_factory=list)
    """File and line of at most KEPT rows."""


class LabelSpellings:
    def __init__(self, context: Context, read: Callable[[SeenRow], Sequence[str]], *, classes: bool) -> None:
        """Where answers are no `classes`, they count as labels while they are few and short."""
        self._warnings, self._read, self._classes = context.warnings, read, classes
        self._found: dict[str, _Spelling] | None = {}
        self._rows = 0

    def look(self, row: SeenRow) -> None:
        if self._found is None:
            return
        labels = self._read(row)
        self._rows += 1
        for label in dict.fromkeys(labels):
            spelling = self._found.setdefault(label, _Spelling())
            spelling.rows += 1
            if len(spelling.first) < KEPT:
                spelling.first.append((row.file, row.line))
            if len(self._found) > (MOST if self._classes else FEW) or (
                not self._classes and len(label) > LONGEST_ANSWER
            ):
                self._found = None
                return

    def finish(self) -> None:
        found = self._found
        if not found or not (self._classes or self._rows >= REPEATED * len(found)):
            return
        for usual, others in _alike(found):
            for label in others:
                message = (
                    f"the label {visible(label)} differs from {visible(usual)} ({found[usual].rows:,} rows) "
                    f"in {_differing(label, usual)} only"
                )
                for file, line in found[label].first:
                    self._warnings.add(file, line, message, code=CODE, hint=HINT)
                self._warnings.count(CODE, found[label].rows - len(found[label].first))


def _alike(found: dict[str, _Spelling]) -> Iterator[tuple[str, list[str]]]:
    """(the most common spelling with nothing unseen in it, the others) of labels that have several."""
    groups: dict[str, list[str]] = {}
    for label in found:
        groups.setdefault(_folded(label), []).append(label)
    for group in groups.values():
        if len(group) > 1:
            usual = max(group, key=lambda label: (label == _spaced(_seen(label)), found[label].rows))
            yield usual, [label for label in group if label != usual]


def _seen(text: str) -> str:
    """Without format characters (zero-width, directions, soft hyphens), controls and variation selectors."""
    return "".join(
        char
        for char in text
        if char.isspace()
        or (unicodedata.category(char) not in ("Cf", "Cc") and not "\ufe00" <= char <= "\ufe0f")
    )


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _composed(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


STEPS: dict[str, Callable[[str], str]] = {
    "characters that nobody sees": _seen,
    "white space": _spaced,
    "the Unicode form of its characters": _composed,
    "case": str.casefold,
}


def _folded(label: str, leaving_out: str = "") -> str:
    for name, step in STEPS.items():
        if name != leaving_out:
            label = step(label)
    return _spaced(label) if leaving_out != "white space" else label


def _differing(one: str, other: str) -> str:
    """The steps without which both would stay different."""
    needed = [name for name in STEPS if _folded(one, name) != _folded(other, name)]
    return " and ".join(needed) or "white space"


def visible(text: str) -> str:
    """In quotes, what is not seen as its number."""
    shown = text if len(text) <= LONGEST_ANSWER else text[:LONGEST_ANSWER] + "…"
    return (
        "'"
        + "".join(
            char if char == " " or (char.isprintable() and not char.isspace()) else f"[U+{ord(char):04X}]"
            for char in shown
        )
        + "'"
    )
