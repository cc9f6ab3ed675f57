"""What pages show: text that a model or a person wrote, made harmless, and what methods and metrics are called."""

from __future__ import annotations

import re
from html import escape

ACRONYMS = {"json": "JSON", "f1": "F1", "sql": "SQL", "chrf": "chrF", "bleu": "BLEU", "rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}  # fmt: skip
LABELS = {
    "zero-shot": "Base, zero-shot",
    "few-shot": "Base, few-shot",
    "retrieval": "Base, retrieval",
    "reference": "Reference",
    "fine-tuned": "Fine-tuned",
}
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
"""Control characters, what turns the direction of writing, what shows nothing, and halves of characters."""


def escaped(value: object) -> str:
    """Escaped for HTML, element and attribute alike; characters that are not seen are named."""
    return escape(UNSEEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", str(value)))


def method_label(method: str) -> str:
    """For people: `few-shot` is Base, few-shot."""
    return LABELS.get(method, method)


def metric_name(name: str) -> str:
    """For people: `json_f1` is JSON F1."""
    words = " ".join(ACRONYMS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:] if name != "chrf" else words
