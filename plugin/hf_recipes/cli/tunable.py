"""Whether a base can be tuned, as lines of a section: `plan` and `decide` print it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def reason_lines(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(a word, a sentence) each, of what hf_recipes.api.tunable.reasons_as_json gives. Nothing if it was not asked for."""
    if not found:
        return
    answer = {True: "yes", False: "no", None: "nothing speaks against it, as far as could be asked"}[
        found["tunable"]
    ]
    yield "answer", answer
    for reason in found["reasons"]:
        yield "no:", reason["sentence"]
    for note in found["notes"]:
        yield "note", note
    asked: dict[str, list[str]] = {}
    for what, why in found["unasked"].items():
        asked.setdefault(why, []).append(what)
    for why, what in asked.items():
        yield "not asked", f"{', '.join(what)}: {why}"
