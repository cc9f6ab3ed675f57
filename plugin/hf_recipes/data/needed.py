"""How many rows a kind of task is known to need, with the source. Without a source, nothing is claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPENAI = "OpenAI's fine-tuning guide: improvements are seen from 50 to 100 examples, start with 50"
VERTEX_CLASSES = (
    "Google's Vertex AI guide to text classification: at least 10 a label, train with 50 and add more"
)
VERTEX_ENTITIES = "Google's Vertex AI guide to entity extraction: at least 50 documents, each label 200 times"
VERTEX_BALANCE = "Google's Vertex AI guide to text classification: at most 100 times"
MOST_TIMES = 100
"""How often the most common label may stand for one of the least common, after VERTEX_BALANCE."""


@dataclass(frozen=True)
class Needed:
    rows: int | None
    """Training rows at the least."""
    per_label: int | None
    """Training rows of each label, or uses of each tag, at the least."""
    source: str


TASKS: Mapping[str, Needed] = {
    "sft": Needed(50, None, OPENAI),
    "text_binary_classification": Needed(20, 50, VERTEX_CLASSES),
    "text_multi_class_classification": Needed(20, 50, VERTEX_CLASSES),
    "text_token_classification": Needed(50, 200, VERTEX_ENTITIES),
}


def needed(task: str, trainer: str) -> Needed | None:
    """For a task and its trainer; None where no number is known."""
    if task == "lm_training":
        return TASKS["sft"] if trainer in ("sft", "default") else None
    return TASKS.get(task)
