"""What the page calls things, and text from outside made harmless."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Any

LABELS = {
    "zero-shot": "Base, zero-shot",
    "few-shot": "Base, few-shot",
    "retrieval": "Base, retrieval",
    "reference": "Reference",
    "fine-tuned": "Fine-tuned",
}
DECISIONS = {
    "fine-tuned": "Fine-tuning is worth it",
    "baseline": "The base is better",
    "no-difference": "No difference shown",
    "too-few-rows": "Too few rows to tell",
}
# Told apart by shape, so that colour is never needed: rings are the base's, the star is the fine-tuned model's.
SHAPES = {
    "zero-shot": '<circle cx="8" cy="8" r="5.2"/>',
    "few-shot": '<rect x="3" y="3" width="10" height="10" rx="1"/>',
    "retrieval": '<path d="M8 2.5 14 13H2z"/>',
    "reference": '<path d="M8 1.8 14.2 8 8 14.2 1.8 8z"/>',
    "fine-tuned": '<path d="M8 .2l2.4 5.4L15.8 8l-5.4 2.4L8 15.8l-2.4-5.4L.2 8l5.4-2.4z"/>',
}
ACRONYMS = {"json": "JSON", "f1": "F1", "sql": "SQL", "chrf": "chrF", "bleu": "BLEU", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}  # fmt: skip
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Control characters, what turns the direction of writing, what shows nothing, and halves of characters."""


def text(value: object) -> str:
    """Escaped for HTML, element and attribute alike; characters that are not seen are named."""
    return escape(UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", str(value)))


def kind(method: str) -> str:
    """The class that a method is coloured by: base, reference or fine-tuned."""
    return method if method in ("reference", "fine-tuned") else "base"


def label(method: str) -> str:
    return LABELS.get(method, method)


def mark(method: str) -> str:
    shape = SHAPES.get(method, SHAPES["zero-shot"])
    return f'<svg class="mark {kind(method)}" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>'


def metric_name(name: str) -> str:
    words = " ".join(ACRONYMS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:] if name != "chrf" else words


def percent(share: float) -> str:
    return f"{share:.1%}"


def interval(measured: Mapping[str, Any]) -> str:
    """`93.2% to 97.6%`; empty where there is none."""
    if "low" not in measured or "high" not in measured:
        return ""
    return f"{percent(measured['low'])} to {percent(measured['high'])}"


def p_value(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
