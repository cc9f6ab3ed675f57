"""The few-shot prompt: examples out of the training rows, as turns before the question."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hf_recipes.data.messages import in_front

Conversation = Sequence[Mapping[str, str]]
Messages = list[dict[str, str]]


def few_shot(shots: Sequence[Conversation], question: Conversation) -> Messages:
    """The question with the shots before it, as user and assistant turns.

    One system message that all share stands first, once. Where system messages differ (a schema in each, say), each
    goes in front of its own question: left out or swapped, the examples would make no sense.
    """
    systems = {_system(conversation) for conversation in [*shots, question]}
    if len(systems) == 1:
        system = systems.pop()
        head: Messages = [{"role": "system", "content": system}] if system else []
        turns = [_turns(conversation) for conversation in [*shots, question]]
    else:
        head = []
        turns = [_folded(conversation) for conversation in [*shots, question]]
    return head + [turn for conversation in turns for turn in conversation]


def other_system(system: str | None, conversation: Conversation, folded: str | None = None) -> Conversation:
    """The conversation with another system turn; None leaves it as it is. `folded`: what stands in front of its first
    user turn in a system turn's place; None where it has system turns."""
    if system is None:
        return conversation
    if folded is not None:
        first, *rest = _turns(conversation)
        content = first["content"].removeprefix(in_front(folded, ""))
        return [{**first, "content": in_front(system, content)}, *rest]
    return [{"role": "system", "content": system}, *_turns(conversation)]


def fitting(
    shots: Sequence[Conversation],
    question: Conversation,
    count: Callable[[Conversation], int],
    room: int | None,
) -> Messages:
    """`few_shot` with as many of the shots, from the first, as fit into `room` tokens."""
    used = list(shots)
    prompt = few_shot(used, question)
    while room is not None and used and count(prompt) > room:
        used.pop()
        prompt = few_shot(used, question)
    return prompt


def with_passages(passages: Sequence[str], question: Conversation) -> Messages:
    """The question with passages in front of its last turn, the most similar first."""
    numbered = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(passages, start=1))
    *before, last = [dict(turn) for turn in question]
    content = f"These passages may help:\n\n{numbered}\n\n{last['content']}"
    return [*before, {**last, "content": content}]


def _system(conversation: Conversation) -> str:
    first = conversation[0]
    return first["content"] if first["role"] == "system" else ""


def _turns(conversation: Conversation) -> Messages:
    return [dict(turn) for turn in conversation if turn["role"] != "system"]


def _folded(conversation: Conversation) -> Messages:
    turns = _turns(conversation)
    system = _system(conversation)
    if system:
        turns[0]["content"] = f"{system}\n\n{turns[0]['content']}"
    return turns
