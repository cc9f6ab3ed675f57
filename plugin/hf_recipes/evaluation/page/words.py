"""What the page calls things."""

from __future__ import annotations

DECISIONS = {
    "fine-tuned": "Fine-tuning is worth it",
    "baseline": "The base is better",
    "no-difference": "No difference shown",
    "too-few-rows": "Too few rows to tell",
    "not-measured": "Not measured: answers were cut",
}
# Told apart by shape, so that colour is never needed: rings are the base's, the star is the fine-tuned model's.
SHAPES = {
    "zero-shot": '<circle cx="8" cy="8" r="5.2"/>',
    "few-shot": '<rect x="3" y="3" width="10" height="10" rx="1"/>',
    "retrieval": '<path d="M8 2.5 14 13H2z"/>',
    "reference": '<path d="M8 1.8 14.2 8 8 14.2 1.8 8z"/>',
    "fine-tuned": '<path d="M8 .2l2.4 5.4L15.8 8l-5.4 2.4L8 15.8l-2.4-5.4L.2 8l5.4-2.4z"/>',
}


def method_class(method: str) -> str:
    """The class that a method is coloured by: base, reference or fine-tuned."""
    return method if method in ("reference", "fine-tuned") else "base"


def mark(method: str) -> str:
    shape = SHAPES.get(method, SHAPES["zero-shot"])
    return f'<svg class="mark {method_class(method)}" viewBox="0 0 16 16" aria-hidden="true">{shape}</svg>'
