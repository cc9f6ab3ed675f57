"""How many tokens an answer may have: what the recipe says, else what the expected answers of the test rows take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEY = "evaluate.max_new_tokens"
MOST_LONGER = 0.05
"""The share of test rows whose expected answer may be longer than the limit. Beyond it the measurement is of the limit."""
AT_LEAST = 16
"""Tokens of room beyond the longest expected answer, or a quarter of it where that is more: a model that is right may
still write an answer in other tokens than the data has it, and one that is not should be seen to go on."""
STEP = 8
UNKNOWN = 256
"""Where the expected answers were not counted, as in runs without test rows."""


def with_room(longest: int) -> int:
    """The limit that follows from the longest expected answer, its end token included."""
    wanted = longest + max(AT_LEAST, longest // 4)
    return -(-wanted // STEP) * STEP


def answer_room(evaluate: Mapping[str, Any], prepared: Mapping[str, Any]) -> int:
    """For a run: `evaluate` as in job.json, `prepared` as in work/prepared.json."""
    for found in (evaluate.get("max_new_tokens"), (prepared.get("answers") or {}).get("room")):
        if type(found) is int and found > 0:
            return found
    return UNKNOWN


def answer_lengths_sentence(answers: Mapping[str, Any]) -> str:
    """What a rule has counted of the expected answers, in a line; `answers` as prepared.json has it."""
    limit = (
        f"{answers['limit']:,} is set"
        if "limit" in answers
        else f"{answers['room']:,}, which follows from it"
    )
    return f"the longest expected answer of {answers['rows']:,} test rows has {answers['longest']:,} tokens; {KEY}: {limit}"


def remedy(limit: int | None, room: int | None) -> str:
    """`room`: what the expected answers take, with room, where that is known."""
    if limit is not None and room is not None and limit < room:
        return f"Set {KEY} to {room:,}, or leave it out: it then follows from the data."
    return f"Raise {KEY}; an answer that never ends says so in the rows."
