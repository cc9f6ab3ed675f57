"""How right one answer is, from 0 (wrong) to 1 (right): text against text."""

from __future__ import annotations

import math
import re
import unicodedata

from hf_recipes.data.measurable import json_value, last_number

PUNCTUATION = re.compile(r"(?!(?<!\w)-\d)[^\w\s]|_")
"""All but a minus before a number."""


def exact_match(answer: str, reference: str) -> float:
    """1.0 where both are the same characters, white space at the ends aside; else 0.0."""
    return float(answer.strip() == reference.strip())


def normalised_match(answer: str, reference: str) -> float:
    """As exact_match, with case, punctuation, white space and Unicode's ways to write the same character set aside."""
    ours, theirs = normalised(answer), normalised(reference)
    return float(ours == theirs) if theirs else exact_match(answer, reference)


def normalised(text: str) -> str:
    return " ".join(PUNCTUATION.sub(" ", unicodedata.normalize("NFKC", text).casefold()).split())


def number_match(answer: str, reference: str, tolerance: float = 0.0) -> float:
    """1.0 where the last number of the answer is the last of the reference, give or take `tolerance`; else 0.0."""
    ours, theirs = last_number(answer), last_number(reference)
    if ours is None or theirs is None:
        return 0.0
    if ours == theirs:
        return 1.0
    # The difference of decimal fractions is off in its last digits; of large whole numbers the last digit counts.
    return float(tolerance > 0 and abs(ours - theirs) <= tolerance + 4 * math.ulp(theirs))


def json_valid(answer: str, reference: str) -> float:
    """1.0 where the whole answer is JSON: what stands around it would break the program that reads it."""
    del reference
    try:
        json_value(answer)
    except ValueError:
        return 0.0
    return 1.0
