"""Rows become chat messages: templates are filled from columns, ready-made lists are checked."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from hf_recipes.data.cell_text import NotText, cell_text, is_conversation
from hf_recipes.data.chat_turns import ROLES, plain_turn
from hf_recipes.recipe.model import Message

TOOLS = "tool calls are not trained on; leave the row out"
ELSEWHERE = {
    "tool": TOOLS,
    "function": TOOLS,
    "tool_response": TOOLS,
    "observation": TOOLS,
    "customer": "write user",
    "prompter": "write user",
    "bot": "write assistant",
    "ai": "write assistant",
    "chatbot": "write assistant",
    "agent": "write assistant",
}
"""Roles that may mean one of ours, in small letters → what to do about them."""
ONE_LIST = (
    "put the whole conversation into one list, name its column in data.column_mapping.text_column, "
    "write data.chat_template: tokenizer, and leave data.messages out"
)


class RowError(ValueError):
    """One row cannot be used; the text says why in one clause, without naming file or line."""


class SharedError(RowError):
    """Mostly the recipe's mistake, and then that of every row: told once."""


class NoColumn(SharedError):
    """The row lacks a column that the recipe names."""


@lru_cache(256)
def parse_template(template: str) -> tuple[tuple[str, bool], ...]:
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
    return tuple(part for part in parts if part[0])


def columns_in(templates: Iterable[str]) -> tuple[str, ...]:
    """The columns that templates name, each once, in order. Raises RowError as `parse` does."""
    names = (text for template in templates for text, is_column in parse_template(template) if is_column)
    return tuple(dict.fromkeys(names))


def fill(template: str, row: Mapping[str, object]) -> str:
    """The template with each `{column}` replaced by the row's value. Raises RowError for a column not there."""
    filled = []
    parts = parse_template(template)
    for text, is_column in parts:
        if not is_column:
            filled.append(text)
        elif text not in row:
            raise NoColumn(f"no column '{text}'; the columns are {names_in_words(row)}")
        else:
            filled.append(_filled(text, row[text], alone=len(parts) == 1))
    return "".join(filled)


def _filled(name: str, value: object, *, alone: bool) -> str:
    """`alone`: the cell is the whole turn. As a part of one, a conversation written as text may be meant."""
    if is_conversation(value) or (alone and holds_conversation(value)):
        raise SharedError(f"column '{name}' holds a list of messages, not text; {ONE_LIST}")
    try:
        return cell_text(value)
    except NotText as error:
        raise RowError(f"column '{name}' holds {error}") from None


def holds_conversation(value: object) -> bool:
    """Whether a text is nothing but a list of messages, as JSON or as Python writes it: CSV has no other way."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return False
    if not ("role" in value or "from" in value):
        return False
    try:
        return is_conversation(_parsed(value))
    except RowError:
        return False


def begins_with_answer(value: object) -> bool:
    """Whether this is a list of messages without the question."""
    first = value[0] if isinstance(value, (list, tuple)) and value else None
    return isinstance(first, Mapping) and plain_turn(first).get("role") == "assistant"


def from_templates(templates: Sequence[Message], row: Mapping[str, object]) -> list[dict[str, str]]:
    """One conversation out of a row. Raises RowError as `fill` and `checked` do."""
    return checked(
        [{"role": template.role, "content": fill(template.content, row)} for template in templates]
    )


def from_value(value: object) -> list[dict[str, str]]:
    """A ready-made conversation, checked. Raises RowError where `messages_in` does, and when it breaks the order of roles."""
    return checked(messages_in(value))


def messages_in(value: object) -> Sequence[object]:
    """A list of messages, or text that holds one as JSON or as a Python literal (trainers read the latter).
    Raises RowError when it is anything else."""
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping) and "messages" in value:
        value = value["messages"]
    if (
        isinstance(value, Mapping)
        and is_conversation(value)
        and all(isinstance(item, list) for item in value.values())
    ):
        # `datasets` keeps a sequence of mappings by columns: {"role": [..], "content": [..]}.
        value = [dict(zip(value, turn, strict=False)) for turn in zip(*value.values(), strict=False)]
    if not isinstance(value, (list, tuple)):
        raise RowError(f"expected a list of messages, found {_kind(value)}")
    return value


def checked(messages: Sequence[object]) -> list[dict[str, str]]:
    """The messages with only role and content: an optional system, then user and assistant in turn, assistant last.

    Raises RowError when that does not hold, or when a user's or assistant's turn is empty.
    """
    result: list[dict[str, str]] = []
    for number, written in enumerate(messages, start=1):
        message = plain_turn(written) if isinstance(written, Mapping) else written
        if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
            keys = f" with the keys {names_in_words(message)}" if isinstance(message, Mapping) else ""
            hint = ""
            if isinstance(message, Mapping) and (message.get("tool_calls") or message.get("function_call")):
                hint = f"; {TOOLS}"
            raise RowError(f"message {number} is {_kind(message)}{keys}, expected 'role' and 'content'{hint}")
        role, content = message["role"], message["content"]
        if role not in ROLES:
            known = ELSEWHERE.get(role.strip().casefold()) if isinstance(role, str) else None
            hint = f"; {known}" if known else ""
            raise RowError(
                f"message {number} has the role {role!r}; expected system, user or assistant{hint}"
            )
        if message.get("tool_calls") or message.get("function_call"):
            raise RowError(f"message {number} calls tools, which is not trained on; leave the row out")
        if message.get("weight") == 0:
            raise RowError(
                f"message {number} has weight 0, and every turn is trained on; keep the question and the answer to learn "
                "alone, or leave 'weight' away to learn this turn too"
            )
        if content is not None and not isinstance(content, str):
            parts = isinstance(content, list) and all(isinstance(item, Mapping) for item in content)
            hint = "; write the text of its parts as one text" if parts else ""
            raise RowError(f"message {number} has {_kind(content)} as content, expected text{hint}")
        if role != "system" and not (content or "").strip():
            raise RowError(f"the {role}'s turn is empty (message {number})")
        result.append({"role": role, "content": content or ""})
    _check_order([message["role"] for message in result])
    return result


def _check_order(roles: list[str]) -> None:
    if not roles:
        raise RowError("the list of messages is empty")
    if roles[-1] != "assistant":
        has_answer = "assistant" in roles
        hint = "leave out what follows the last answer" if has_answer else "add the answer to learn"
        raise RowError(f"no assistant's turn at the end: the last message is the {roles[-1]}'s; {hint}")
    turns = roles[1:] if roles[0] == "system" else roles
    for number, role in enumerate(turns):
        expected = "user" if number % 2 == 0 else "assistant"
        if role != expected:
            at = number + 1 + len(roles) - len(turns)
            raise RowError(
                f"message {at} is the {role}'s where the {expected}'s turn is due{_order_hint(number, role, turns)}"
            )


def _order_hint(number: int, role: str, turns: Sequence[str]) -> str:
    if role == "system":
        return "; one system turn may stand, at the beginning: join them there"
    if number == 0:
        return "; leave out what stands before the first question, or put a question before it"
    return (
        f"; join the {role}'s messages that follow each other into one" if turns[number - 1] == role else ""
    )


def with_system(messages: list[dict[str, str]], name: str, value: object) -> list[dict[str, str]]:
    """The conversation behind the system turn that a column holds; an empty cell is none. Raises RowError."""
    text = _filled(name, value, alone=False).strip()
    if not text:
        return messages
    if messages[0]["role"] != "system":
        return [{"role": "system", "content": text}, *messages]
    if messages[0]["content"].strip() != text:
        raise RowError(f"the messages begin with a system turn, and column '{name}' holds another")
    return messages


def folded(messages: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The messages without a system turn: its text stands in front of the first user turn."""
    turns = [dict(turn) for turn in messages]
    if len(turns) < 2 or turns[0]["role"] != "system":
        return turns
    system, first, *rest = turns
    return [{**first, "content": in_front(system["content"], first["content"])}, *rest]


def in_front(system: str, content: str) -> str:
    """A user's turn with a system turn's text in it."""
    return f"{system}\n\n{content}" if system.strip() else content


def names_in_words(names: Iterable[object]) -> str:
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
