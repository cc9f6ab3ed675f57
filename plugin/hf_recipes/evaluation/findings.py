"""What a report says beside its numbers, in sentences: what fine-tuning saves, and whether the model forgot. Plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def savings(report: Mapping[str, Any]) -> str:
    """Empty where nothing of it was measured."""
    found = report.get("savings")
    if not found:
        return ""
    parts = [
        saved(found[key], unit)
        for key, unit in (
            ("prompt_tokens_saved", "prompt tokens"),
            ("completion_tokens_saved", "answer tokens"),
            ("seconds_saved", "seconds"),
        )
        if isinstance(found.get(key), (int, float))
    ]
    said = []
    if parts:
        said.append(f"Against {found.get('against', 'the best baseline')}, a request takes {_list(parts)}.")
    if isinstance(found.get("requests_to_pay_back"), (int, float)):
        said.append(f"Training has paid for itself after {found['requests_to_pay_back']:,.0f} requests.")
    return " ".join(said)


def forgetting(report: Mapping[str, Any]) -> str:
    """Empty where it was not measured."""
    found = report.get("forgetting")
    if not found or not {"base", "fine-tuned"} <= found.keys():
        return ""
    difference = ""
    if "difference" in found:
        bounds = (
            f", 95 % interval {found['low']:+.3f} to {found['high']:+.3f}"
            if {"low", "high"} <= found.keys()
            else ""
        )
        difference = f" (difference {found['difference']:+.3f}{bounds})"
    end = (
        "it has become worse at general text than the threshold allows"
        if found.get("flagged")
        else "not worse at general text beyond the threshold"
    )
    return f"General text takes {found['base']:.3f} nats a token before and {found['fine-tuned']:.3f} after{difference}: {end}."


def saved(amount: float, unit: str) -> str:
    """`153.0 prompt tokens less`; what is negative was not saved but spent."""
    digits = 3 if 0 < abs(amount) < 1 else 1
    return f"{abs(amount):,.{digits}f} {unit} {'less' if amount >= 0 else 'more'}"


def _list(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
