"""The answer in what an assistant said: what follows its reasoning, without the token that ends its turn.

The same is done to expected and to generated answers, so that the ways to write a reasoning block are said once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

TAGS = ("think", "thinking", "thought", "thoughts", "reasoning", "scratchpad", "seed:think", "longcat_think", "mm:think")  # fmt: skip
BLOCKS = (
    *((rf"<{tag}(?:\s[^<>]*)?>", rf"</{tag}\s*>") for tag in TAGS),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<\|channel>thought", r"<channel\|>"),
    (r"<unused94>(?:thought)?", r"<unused95>"),
)
"""How models write a block of reasoning: what opens it, what closes it."""
OPENING = [re.compile(rf"\s*{opening}", re.IGNORECASE) for opening, _ in BLOCKS]
CLOSING = [re.compile(closing, re.IGNORECASE) for _, closing in BLOCKS]
MARKS = re.compile("|".join(pattern for pair in BLOCKS for pattern in pair), re.IGNORECASE)
CHANNEL = re.compile(r"\s*(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
"""How harmony (gpt-oss) begins a message of the assistant: reasoning stands in channels of its own, before `final`."""
FINAL = "final"
AROUND = (
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|START_TEXT|>", "<|END_TEXT|>"),
)
"""What stands around the answer of models that write it so."""
TURN_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|end|>",
    "<end_of_turn>",
    "<turn|>",
    "<|end_of_turn|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|end_of_sentence|>",
    "<｜end▁of▁sentence｜>",
    "<|return|>",
    "<|eos|>",
    "<eos>",
    "[EOS]",
    "</s>",
)
"""How models end an assistant's turn. People append them to answers, also those of another model."""


@dataclass(frozen=True)
class FinalAnswer:
    reasoning: str
    """All that stands before the answer, markers included; empty where there is no reasoning."""
    answer: str
    closed: bool = True
    """False where the reasoning is never closed: then nothing of the text is an answer."""

    @property
    def empty(self) -> bool:
        """Whether the block holds no reasoning, as templates write one that is switched off."""
        return not MARKS.sub("", CHANNEL.sub("", self.reasoning)).strip()


def final_answer(text: str, ends: Iterable[str] = ()) -> FinalAnswer:
    """`ends`: end tokens of the tokenizer that are not among TURN_ENDS."""
    answer = without_end(text, ends)
    begins = _begins(answer)
    if begins is None:
        return FinalAnswer(text, "", closed=False)
    if begins == 0:
        return FinalAnswer("", answer)
    rest = without_end(answer[begins:].lstrip(), ends)
    for before, after in AROUND:
        rest = rest.strip().removeprefix(before).removesuffix(after) if before in rest else rest
    return FinalAnswer(answer[:begins], rest.strip())


def expected_answer(text: str, ends: Iterable[str] = ()) -> FinalAnswer:
    """As `final_answer`, of an answer that a person wrote: a block that nothing follows is the answer itself."""
    found = final_answer(text, ends)
    return found if found.answer else FinalAnswer("", without_end(text, ends), found.closed)


def marks_of(reasoning: str) -> tuple[str, str]:
    """What opens and what closes a block of reasoning; nothing opens one that the prompt opens."""
    marks = [found[0] for found in MARKS.finditer(reasoning)] or [
        found[0] for found in CHANNEL.finditer(reasoning)
    ]
    if not marks:
        return "", ""
    return (marks[0] if reasoning.lstrip().startswith(marks[0]) and len(marks) > 1 else "", marks[-1])


def without_end(text: str, ends: Iterable[str] = ()) -> str:
    """The text without the end tokens behind it; a text without any stays as it is, white space too."""
    names = tuple(name for name in (*TURN_ENDS, *ends) if name)
    while (shorter := text.rstrip()).endswith(names):
        text = next(shorter.removesuffix(name) for name in names if shorter.endswith(name)).rstrip()
    return text


def _begins(text: str) -> int | None:
    """Where the answer begins; None where a block of reasoning is never closed."""
    if not any(sign in text for sign in "<[◁"):
        return 0
    at = _after_channels(text)
    if at is None:
        return None
    at = at or _after_lone_closing(text)
    while (place := _block(text, at)) is not None:
        if place < 0:
            return None
        at = place
    return at


def _block(text: str, at: int) -> int | None:
    """The end of the block that begins at `at`: None without one, -1 where it is not closed."""
    for opening, closing in zip(OPENING, CLOSING, strict=True):
        if found := opening.match(text, at):
            end = closing.search(text, found.end())
            return end.end() if end else -1
    return None


def _after_lone_closing(text: str) -> int:
    """Behind a mark that closes what the prompt has opened; 0 without one."""
    for opening, closing in zip(BLOCKS, CLOSING, strict=True):
        end = closing.search(text)
        if end and not re.search(opening[0], text[: end.start()], re.IGNORECASE):
            return end.end()
    return 0


def _after_channels(text: str) -> int | None:
    at = 0
    while found := CHANNEL.match(text, at):
        if found[1] == FINAL:
            return found.end()
        following = re.compile(r"<\|end\|>").search(text, found.end())
        if following is None:
            return None
        at = following.end()
    return None if at and not text[at:].strip() else at
