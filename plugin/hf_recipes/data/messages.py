"""Rows become chat messages: templates are filled from columns, ready-made lists are checked."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Mapping, Sequence

from hf_recipes.recipe.model import Message

ROLES = ("system", "user", "assistant")
SHAREGPT = {"from", "value"}
ELSEWHERE = {
    "developer": "write system",
    "tool": "tool calls are not trained on; leave the row out",
    "function": "tool calls are not trained on; leave the row out",
    "human": "write user",
    "gpt": "write assistant",
}
"""Roles of other formats → what to do about them."""


class RowError(ValueError):
    """One row cannot be used; the text says why in one clause, without naming file or line."""


class NoColumn(RowError):
    """The row lacks a column that the recipe names: mostly the recipe's mistake, and then that of every row."""


def parse(template: str) -> list[tuple[str, bool]]:
    """Split a template into (text, is_column) parts. `{name}` is a column, `{{` and `}}` are braces.

    Raises RowError where a `{` is never closed or names nothing.
    """
    parts: list[tuple[str, bool]] = []
    text = ""
    at = 0
    while at < len(template):
        pair = template[at : at + 2]
        if pair in ("{{", "}}"):
            text += pair[0]
            at += 2
        elif template[at] == "{":
            end = template.find("}", at)
            name = template[at + 1 : end].strip() if end > 0 else ""
            if not name:
                raise RowError(f"a lone '{{' in the template {shortened(template)}; write '{{{{' for a brace")
            parts += [(text, False), (name, True)]
            text = ""
            at = end + 1
        else:
            text += template[at]
            at += 1
    parts.append((text, False))
    return [part for part in parts if part[0]]


def columns_in(templates: Iterable[str]) -> tuple[str, ...]:
    """The columns that templates name, each once, in order. Raises RowError as `parse` does."""
    names = (text for template in templates for text, is_column in parse(template) if is_column)
    return tuple(dict.fromkeys(names))


def fill(template: str, row: Mapping[str, object]) -> str:
    """The template with each `{column}` replaced by the row's value. Raises RowError for a column not there."""
    filled = []
    for text, is_column in parse(template):
        if not is_column:
            filled.append(text)
        elif text not in row:
            raise NoColumn(f"no column '{text}'; the columns are {listed(row)}")
        else:
            filled.append(as_text(row[text]))
    return "".join(filled)


def as_text(value: object) -> str:
    """A cell as it stands in a message: nothing is empty, and so is NaN, which is how tables write it; a list or
    mapping is JSON."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def from_templates(templates: Sequence[Message], row: Mapping[str, object]) -> list[dict[str, str]]:
    """One conversation out of a row. Raises RowError as `fill` and `checked` do."""
    return checked([{"role": one.role, "content": fill(one.content, row)} for one in templates])


def from_value(value: object) -> list[dict[str, str]]:
    """A ready-made conversation: a list of messages, or text that holds one as JSON or as a Python literal
    (AutoTrain reads the latter). Raises RowError when it is anything else or breaks the order of roles."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping) and "messages" in value:
        value = value["messages"]
    if not isinstance(value, (list, tuple)):
        raise RowError(f"expected a list of messages, found {_kind(value)}")
    return checked(value)


def checked(messages: Sequence[object]) -> list[dict[str, str]]:
    """The messages with only role and content: an optional system, then user and assistant in turn, assistant last.

    Raises RowError when that does not hold, or when a user's or assistant's turn is empty.
    """
    result: list[dict[str, str]] = []
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
            keys = f" with the keys {listed(message)}" if isinstance(message, Mapping) else ""
            sharegpt = isinstance(message, Mapping) and set(message) >= SHAREGPT
            hint = "; rename from and value, human to user, gpt to assistant" if sharegpt else ""
            raise RowError(f"message {number} is {_kind(message)}{keys}, expected 'role' and 'content'{hint}")
        role, content = message["role"], message["content"]
        if role not in ROLES:
            hint = f"; {ELSEWHERE[role]}" if isinstance(role, str) and role in ELSEWHERE else ""
            raise RowError(
                f"message {number} has the role {role!r}; expected system, user or assistant{hint}"
            )
        if message.get("tool_calls"):
            raise RowError(f"message {number} calls tools, which is not trained on; leave the row out")
        if message.get("weight") == 0:
            raise RowError(
                f"message {number} has weight 0, and every turn is trained on; leave 'weight' away, or the row out"
            )
        if content is not None and not isinstance(content, str):
            raise RowError(f"message {number} has {_kind(content)} as content, expected text")
        if role != "system" and not (content or "").strip():
            raise RowError(f"the {role}'s turn is empty (message {number})")
        result.append({"role": role, "content": content or ""})
    _check_order([message["role"] for message in result])
    return result


def _check_order(roles: list[str]) -> None:
    if not roles:
        raise RowError("the list of messages is empty")
    if roles[-1] != "assistant":
        raise RowError(f"no assistant's turn at the end: the last message is the {roles[-1]}'s")
    turns = roles[1:] if roles[0] == "system" else roles
    for number, role in enumerate(turns):
        expected = "user" if number % 2 == 0 else "assistant"
        if role != expected:
            at = number + 1 + len(roles) - len(turns)
            raise RowError(f"message {at} is the {role}'s where the {expected}'s turn is due")


def split_reference(messages: Sequence[Mapping[str, str]]) -> tuple[list[dict[str, str]], str]:
    """(all but the last turn, the content of the last turn): the question and its reference answer."""
    return [dict(message) for message in messages[:-1]], messages[-1]["content"]


def asked(messages: Sequence[Mapping[str, str]]) -> tuple[str, str]:
    """(system prompt, template of the user's turn) of `data.messages`, for a person who asks the model. What they type
    fills the template's one column; where there are several, or none, they type the whole turn. Raises RowError."""
    first = {message["role"]: message["content"] for message in reversed(messages)}
    user = first.get("user", "")
    return first.get("system", ""), user if len(columns_in([user])) == 1 else "{prompt}"


def listed(names: Iterable[object]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"


def shortened(text: str, width: int = 60) -> str:
    return repr(text if len(text) <= width else text[: width - 1] + "…")


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        raise RowError(f"expected a list of messages, found the text {shortened(text)}") from None


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    names = {
        dict: "a mapping",
        list: "a list",
        str: "text",
        bool: "a yes/no",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), f"a {type(value).__name__}")
