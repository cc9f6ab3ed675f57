"""The metrics of `evaluate.metrics`, and what is known about each. How they are computed stands in evaluation/metrics.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class MetricFacts:
    options: tuple[str, ...] = ()
    """Keys of `options` in a recipe."""
    needed: tuple[str, ...] = ()
    """Those of them that cannot be left out."""
    right_or_wrong: bool = False
    """Whether a row is 0 or 1."""
    absolute: bool = False
    """Whether 0.9 means something by itself. What 0.9 of the others (ROUGE, BLEU, likelihood …) is worth depends on the task."""
    json: bool = False
    """Whether the answers are JSON."""
    json_fields: bool = False
    """Whether fields of JSON objects are compared."""
    overlap: bool = False
    """Whether the words or letters that answer and reference share are counted."""
    generated: bool = True
    """False for one that needs no generated answer."""


def _fields() -> MetricFacts:
    return MetricFacts(("fields",), absolute=True, json=True, json_fields=True)


METRICS: Mapping[str, MetricFacts] = {
    "exact_match": MetricFacts(right_or_wrong=True, absolute=True),
    "normalised_match": MetricFacts(right_or_wrong=True, absolute=True),
    "json_valid": MetricFacts(right_or_wrong=True, absolute=True, json=True),
    "json_precision": _fields(),
    "json_recall": _fields(),
    "json_f1": _fields(),
    "accuracy": MetricFacts(right_or_wrong=True, absolute=True),
    "macro_f1": MetricFacts(absolute=True),
    "rouge1": MetricFacts(overlap=True),
    "rouge2": MetricFacts(overlap=True),
    "rougeL": MetricFacts(overlap=True),
    "chrf": MetricFacts(overlap=True),
    "bleu": MetricFacts(overlap=True),
    "number_match": MetricFacts(("tolerance",), right_or_wrong=True, absolute=True),
    "sql_execution": MetricFacts(("database", "timeout"), right_or_wrong=True, absolute=True),
    "likelihood": MetricFacts(generated=False),
    "judge": MetricFacts(("base_url", "model", "api_key", "instructions"), ("base_url", "model")),
}


def metrics_where(fact: str) -> tuple[str, ...]:
    """The names of the metrics for which a fact, such as `overlap`, holds."""
    return tuple(name for name, facts in METRICS.items() if getattr(facts, fact))
