"""What a thousand requests took by each method, out of a report: tokens and seconds as measured in that run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REQUESTS = 1000


def per_thousand(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Method → `prompt_tokens`, `completion_tokens` and `seconds` of 1,000 requests; `cached_share` where answers were kept ones.

    Seconds are those of answering in batches, one batch after another, on the machine of the run.
    """
    n = report["n"]
    found = {}
    for method, result in report["methods"].items():
        entry = {
            name: round(result[name] / n * REQUESTS, 1)
            for name in ("prompt_tokens", "completion_tokens", "seconds")
            if name in result
        }
        if result.get("cached"):
            entry["cached_share"] = round(result["cached"] / n, 3)
        found[method] = entry
    return found
