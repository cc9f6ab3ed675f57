"""The types that a key's value may have, and what counts as one: as pydantic has it in lax mode."""

from __future__ import annotations

import math
import re

INTEGER = re.compile(r"[+-]?\d+(?:_\d+)*(?:\.0+)?", re.ASCII)
DIGITS = r"\d+(?:_\d+)*"
NUMBER = re.compile(
    rf"[+-]?(?:{DIGITS}(?:\.(?:{DIGITS})?)?|\.{DIGITS})(?:e[+-]?{DIGITS})?|[+-]?(?:inf(?:inity)?|nan)",
    re.ASCII | re.IGNORECASE,
)
YES = frozenset({"1", "on", "t", "true", "y", "yes"})
NO = frozenset({"0", "off", "f", "false", "n", "no"})
NAMES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "list[str]": "a list of texts",
    "list[int]": "a list of whole numbers",
    "map": "a mapping",
    "list": "a list",
}
SCHEMAS: dict[str, dict[str, object]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "null": {"type": "null"},
    "list[str]": {"type": "array", "items": {"type": "string"}},
    "list[int]": {"type": "array", "items": {"type": "integer"}},
    "map": {"type": "object"},
    "list": {"type": "array"},
}
# What YAML itself reads as text although it is meant as a number: 2e-4 has no dot.
NUMBER_AS_TEXT = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


class Mismatch(ValueError):
    """The value is of no type that fits."""


def coerced(value: object, types: tuple[str, ...]) -> object:
    """`value` as the first of `types` that it fits exactly, else as the first that it can be read as.

    Raises Mismatch.
    """
    for exact in (True, False):
        for name in types:
            try:
                return _as(value, name, exact)
            except Mismatch:
                continue
    raise Mismatch(f"must be {types_in_words(types)}, not {kind_in_words(value)}")


def types_in_words(types: tuple[str, ...]) -> str:
    return " or ".join(NAMES[name] for name in types)


def kind_in_words(value: object) -> str:
    """What a value is, without repeating it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a whole number"
    if isinstance(value, float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "a mapping"


def _as(value: object, name: str, exact: bool) -> object:
    if name.startswith("list["):
        if not isinstance(value, list):
            raise Mismatch
        return [_as(item, name[5:-1], exact) for item in value]
    if exact:
        kind = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}.get(name)
        if kind is None or type(value) is not kind:
            raise Mismatch
        return value
    if name == "int":
        return _integer(value)
    if name == "float":
        return _number(value)
    if name == "bool":
        return _truth(value)
    raise Mismatch


def _integer(value: object) -> int:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return int(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str) and len(value) <= 100 and INTEGER.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    raise Mismatch


def _number(value: object) -> float:
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, float):
        return value
    if isinstance(value, str) and len(value) <= 100 and NUMBER.fullmatch(value.strip()):
        return float(value.strip())
    raise Mismatch


def _truth(value: object) -> bool:
    if isinstance(value, (int, float)) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value.lower() in YES:
        return True
    if isinstance(value, str) and value.lower() in NO:
        return False
    raise Mismatch
