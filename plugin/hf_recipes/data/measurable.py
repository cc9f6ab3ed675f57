"""What metrics read out of an answer or a question: a JSON object, a number, tables. Pure; rows are looked at before training."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from hf_recipes.catalog.metrics import metrics_where

JSON_FIELDS = metrics_where("json_fields")
NUMBER = re.compile(
    r"(?:(?<![\w.])[-+])?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?|(?<![\w.])[-+]?\.\d+", re.I
)
PARENTHESIS = re.compile(r"[()]")
CREATE_TABLE = re.compile(r"\bcreate\s+(?:temp(?:orary)?\s+)?table\b", re.I)


def lacking(
    metric: str, options: Mapping[str, Any], reference: str, messages: Sequence[Mapping[str, Any]]
) -> str | None:
    """Why a row can't be measured by this metric, in one clause; None where it can."""
    if metric in JSON_FIELDS and json_object(reference) is None:
        return "its expected answer is no JSON object"
    if metric == "number_match" and last_number(reference) is None:
        return "its expected answer holds no number"
    if metric == "sql_execution" and not options.get("database") and not tables(messages):
        return "there is no CREATE TABLE in its messages, and no option `database` either"
    if metric in ("accuracy", "macro_f1") and not reference.strip():
        return "its expected answer, the label, is empty"
    return None


class ExpectedFields:
    """Whether each of a JSON metric's `fields` stands in some expected answer. One that stands in none is misspelt, and
    every answer would be right in it."""

    def __init__(self, metrics: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """`metrics`: names with their options."""
        self._wanted: dict[str, str] = {}
        self._found: set[str] = set()
        for name, options in metrics:
            fields = options.get("fields")
            if name in JSON_FIELDS and isinstance(fields, (list, tuple)):
                self._wanted |= {str(field): name for field in fields}

    def add(self, reference: str) -> None:
        """An expected answer."""
        if self._wanted:
            self._found |= fields_of(reference)

    def missing(self) -> tuple[str, str, list[str]] | None:
        """Once all have been added: a field that none has, its metric, and the fields that there are."""
        for field, metric in self._wanted.items():
            if field not in self._found:
                return field, metric, sorted(self._found)[:20]
        return None


def fields_of(reference: str) -> set[str]:
    """The dotted names of the fields in an expected answer, those that hold objects among them; none where it is no object."""
    names: set[str] = set()
    todo: list[tuple[str, Any]] = [("", json_object(reference))]
    while todo:
        prefix, value = todo.pop()
        if isinstance(value, dict):
            names |= {f"{prefix}{key}" for key in value}
            todo += [(f"{prefix}{key}.", inner) for key, inner in value.items()]
    return names


def json_value(text: str, *, exact: bool = False) -> Any:
    """Strict JSON: no NaN, nothing around it but white space. `exact`: numbers as decimals. Raises ValueError."""
    number = _decimal if exact else None
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=number, parse_int=number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_object(text: str) -> dict[str, Any] | None:
    """Its numbers as decimals."""
    try:
        value = json_value(text, exact=True)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def last_number(text: str) -> Decimal | None:
    """Where an answer reasons first, its last number is what it comes to. Commas between thousands are read. Exact."""
    found = NUMBER.findall(text.replace("\u2212", "-"))
    try:
        return Decimal(found[-1].replace(",", "")) if found else None
    except InvalidOperation:  # an exponent of more than 18 digits
        return None


def tables(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The CREATE TABLE statements in the messages of a question, in order, each once."""
    found: dict[str, None] = {}
    for message in messages:
        text = str(message.get("content") or "")
        closed = _closed(text) if "(" in text else {}
        marks = [place for place, char in enumerate(text) if char in "(;"] if closed else []
        for match in CREATE_TABLE.finditer(text):
            following = bisect_left(marks, match.end())
            end = closed.get(marks[following]) if following < len(marks) else None
            if end is not None:
                found[text[match.start() : end]] = None
    return list(found)


def _closed(text: str) -> dict[int, int]:
    """Place of a parenthesis → the place after the one that closes it, for each that is closed."""
    found, opened = {}, []
    for match in PARENTHESIS.finditer(text):
        if match[0] == "(":
            opened.append(match.start())
        elif opened:
            found[opened.pop()] = match.end()
    return found


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number beyond all bounds") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
