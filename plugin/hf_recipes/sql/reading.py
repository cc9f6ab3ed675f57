"""What is read out of a query's text, in time that grows with its length. Pure."""

from __future__ import annotations

import re
from typing import Any

LITERAL = re.compile(r"'((?:[^']|'')*)'|\"([^\"]*)\"|(?<![\w.])(\d+(?:\.\d+)?)(?![\w.])")
COMPARED = re.compile(
    rf"""\b(\w+)[\])"`]*\s*(?:not\s+)?(?:[=<>!]+|like\b|in\s*\(|between\b)\s*(?:{LITERAL.pattern})""", re.I
)
"""A column, and the literal that it is compared with."""
PART = re.compile(
    r"'(?:[^']|'')*(?:'|\Z)|\"[^\"]*(?:\"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z)|[()]|\border\s+by\b", re.I
)
"""What is quoted, to its end; a parenthesis; ORDER BY."""
DIGITS = 15
"""A number of more is no condition that tables can be filled for."""


def orders(query: str) -> bool:
    """Whether the query itself has an ORDER BY, not one in parentheses within it."""
    depth = 0
    for found in PART.finditer(query):
        part = found[0]
        if part == "(":
            depth += 1
        elif part == ")":
            depth = max(0, depth - 1)
        elif depth == 0 and part[0] in "oO":
            return True
    return False


def literals(query: str) -> list[Any]:
    """The texts and numbers in a query. Double quotes mark names in SQL, and texts in much that is written as SQL."""
    found = [_value(*groups) for groups in LITERAL.findall(query)]
    return [value for value in dict.fromkeys(found) if value != ""]


def compared(query: str) -> dict[str, list[Any]]:
    """Column, in small letters → the literals that the query compares it with."""
    found: dict[str, list[Any]] = {}
    for column, *groups in COMPARED.findall(query):
        value = _value(*groups)
        if value != "":
            found.setdefault(column.lower(), []).append(value)
    return found


def _value(single: str, double: str, number: str) -> Any:
    """Empty for a number that is too long."""
    if number:
        if len(number) > DIGITS + ("." in number):
            return ""
        return float(number) if "." in number else int(number)
    return (single.replace("''", "'") or double).strip("%")
