"""The fields of a JSON object: how many of the answer's are right, how many of the expected ones it has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

from hf_recipes.data.measurable import json_object

EXACT = Context(prec=5000, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
NUMBER = "\0number"
"""What a number is told by from a text that reads the same."""


def precision(answer: str, reference: str, fields: Sequence[str] = ()) -> float:
    return scores(answer, reference, fields)[0]


def recall(answer: str, reference: str, fields: Sequence[str] = ()) -> float:
    return scores(answer, reference, fields)[1]


def f1(answer: str, reference: str, fields: Sequence[str] = ()) -> float:
    return scores(answer, reference, fields)[2]


def scores(answer: str, reference: str, fields: Sequence[str] = ()) -> tuple[float, float, float]:
    """Precision, recall and F1 of one answer; a field is right where its value is the expected one.

    Objects within are fields of their own, named `address.city`; a list is one value. `fields`: only these and what lies
    in them, all where empty. An answer that is no JSON object has 0 in all three; where no field is expected and none is
    given, it has 1.
    """
    expected, given = _read(reference, fields) or {}, _read(answer, fields)
    if given is None:
        return 0.0, 0.0, 0.0
    if not given or not expected:
        same = float(given == expected)
        return same, same, same
    right = sum(name in expected and expected[name] == value for name, value in given.items())
    shares = right / len(given), right / len(expected)
    return *shares, 2 * right / (len(given) + len(expected))


def _read(text: str, wanted: Sequence[str]) -> dict[str, str] | None:
    """None where it is no JSON object, or nested too deeply to be looked at."""
    value = json_object(text)
    try:
        return None if value is None else _fields(value, wanted)
    except RecursionError:
        return None


def _fields(value: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, str]:
    """Dotted name → its value written as JSON, where 1 and 1.0 are the same and true is not 1. Numbers are exact."""
    flat: dict[str, str] = {}
    todo = [("", value)]
    while todo:
        prefix, value = todo.pop()
        for key, inner in value.items():
            name = f"{prefix}{key}"
            if isinstance(inner, Mapping) and inner:
                todo.append((f"{name}.", inner))
            elif not wanted or any(name == field or name.startswith(f"{field}.") for field in wanted):
                flat[name] = json.dumps(_plain(inner), sort_keys=True)
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {NUMBER: str(EXACT.normalize(value) if value else 0)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
