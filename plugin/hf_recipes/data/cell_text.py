"""A cell as the text that a prompt or an answer is made of. Numbers, lists and mappings are written as JSON writes them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

SPEAKERS = frozenset(
    {"system", "user", "assistant", "human", "gpt", "chatgpt", "model", "bot", "ai", "developer", "tool", "function"}
)  # fmt: skip
TURNS = (("role", "content"), ("from", "value"))
"""The keys of one message: who speaks, what is said."""


class NotText(ValueError):
    """The cell holds something that no text stands for; says what, in a few words."""


def cell_text(value: object) -> str:
    """Nothing is empty, and so is NaN, which is how tables write it. Raises NotText."""
    if type(value) is str:
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (Mapping, list, tuple)):
        return _as_json(value)
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def as_text(value: object) -> str:
    """As `cell_text`, for comparing and showing: what is no text is named by its type."""
    try:
        return cell_text(value)
    except NotText:
        return f"<{type(value).__name__}>"


def is_conversation(value: object) -> bool:
    """Whether this is a list of messages, or one of them, rather than a text or a JSON answer."""
    if isinstance(value, str) or value is None:
        return False
    turns = value if isinstance(value, (list, tuple)) else [value]
    return bool(turns) and all(_is_turn(turn) for turn in turns)


def _is_turn(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    for speaker, said in TURNS:
        who = value.get(speaker)
        if isinstance(who, str) and who.strip().casefold() in SPEAKERS and said in value:
            return True
        # A list of messages kept by columns, as `datasets` does: {"role": [..], "content": [..]}.
        if isinstance(who, (list, tuple)) and isinstance(value.get(said), (list, tuple)):
            return all(isinstance(person, str) and person.strip().casefold() in SPEAKERS for person in who)
    return "role" in value and "tool_calls" in value


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise NotText("a list or mapping that is nested too deeply") from None
    except (TypeError, ValueError):
        return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The value in JSON's own types. Raises NotText."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise NotText("a number that is not finite")
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {name if isinstance(name, str) else as_text(name): _plain(inner) for name, inner in value.items()}  # fmt: skip
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if callable(getattr(value, "tolist", None)):  # numpy's arrays and scalars
        return _plain(value.tolist())
    raise NotText(f"{_named(value)}, which is no text")


def _named(value: object) -> str:
    return "bytes" if isinstance(value, (bytes, bytearray)) else f"a {type(value).__name__}"
