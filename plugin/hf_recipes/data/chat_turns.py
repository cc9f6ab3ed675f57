"""One turn of a conversation, as ShareGPT, OpenAI and others write it → role and content. Only what loses nothing is read:
what would (a tool call, a turn that is not to be learned) is left for messages.py to refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ROLES = ("system", "user", "assistant")
SHAREGPT = {"from", "value"}
SAME_ROLE: Mapping[str, str] = {
    **{role: role for role in ROLES},
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "developer": "system",
}
"""A role's name in small letters → the role. ShareGPT has human and gpt, Gemini has model, OpenAI has developer."""


def plain_turn(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with `role` and `content` as chat templates know them. What is not known here stays as it is."""
    turn = dict(message)
    # A table has every key in every message: those of another form are there, and empty.
    if set(turn) >= SHAREGPT and turn.get("role") is None and turn.get("content") is None:
        turn["role"], turn["content"] = turn.pop("from"), turn.pop("value")
    role, content = turn.get("role"), turn.get("content")
    if isinstance(role, str):
        turn["role"] = SAME_ROLE.get(role.strip().casefold(), role)
    if isinstance(content, list) and (text := _only_text(content)) is not None:
        turn["content"] = text
    return turn


def _only_text(parts: Sequence[object]) -> str | None:
    """OpenAI's list of content parts, where it is one text. How several are joined differs from template to template."""
    part = parts[0] if len(parts) == 1 else None
    if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
        return None
    return str(part["text"])


def read_as(message: Mapping[str, Any]) -> list[str]:
    """What `plain_turn` changes in a message, a phrase each; empty where it is plain."""
    turn = plain_turn(message)
    said = ["from and value as role and content"] if "from" in message and "from" not in turn else []
    role = message.get("role") or message.get("from")
    if role != turn.get("role") and isinstance(role, str):
        said.append(f"{role} as {turn['role']}")
    if isinstance(message.get("content"), list) and isinstance(turn["content"], str):
        said.append("a content part as its text")
    return said
