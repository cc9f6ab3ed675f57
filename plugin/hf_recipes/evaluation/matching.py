"""How right one answer is, from 0 (wrong) to 1 (right): text against text."""

from __future__ import annotations

import re
import unicodedata
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

from hf_recipes.data.measurable import json_value, last_number

EXACT = Context(prec=2000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Numbers that are further apart than so many digits are not near each other."""
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
    """1.0 where the last number of the answer is the last of the reference, give or take `tolerance`; else 0.0.

    Numbers are exact, as they are written: large whole ones count to their last digit, and 0.31 is 0.01 more than 0.3."""
    ours, theirs = last_number(answer), last_number(reference)
    if ours is None or theirs is None:
        return 0.0
    if ours == theirs:
        return 1.0
    return float(tolerance > 0 and abs(EXACT.subtract(ours, theirs)) <= Decimal(str(tolerance)))


def json_valid(answer: str, reference: str) -> float:
    """1.0 where the whole answer is JSON: what stands around it would break the program that reads it."""
    del reference
    try:
        json_value(answer, exact=True)
    except ValueError:
        return 0.0
    return 1.0
