"""The one place that renders a chat template: what a base's own template refuses is an error with its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.final_answer import TURN_ENDS, FinalAnswer, final_answer
from hf_recipes.data.findings import DataError

Conversation = Sequence[Mapping[str, str]]
SWITCHES: Sequence[Mapping[str, Any]] = ({"enable_thinking": False}, {"thinking": False})
"""How templates are told to leave reasoning out, by the names that they read."""
QUESTION, ANSWER, REASONING = "What is the answer", "The answer is here", "The reason is here"
QUESTION_TURN = {"role": "user", "content": QUESTION}


class TemplateRefused(ValueError):
    """The chat template does not take a conversation; the message is what it says."""


def render_chat(
    tokenizer: Any, messages: Conversation, *, add_generation_prompt: bool = False, **options: Any
) -> str:
    """Raises TemplateRefused."""
    try:
        return str(
            tokenizer.apply_chat_template(
                [dict(turn) for turn in messages],
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                **options,
            )
        )
    except (MemoryError, DataError):  # beyond the bounds of bounded_template
        raise
    except Exception as error:  # a chat template is third-party code
        said = " ".join(str(error).split())
        named = type(error).__name__ in ("TemplateError", "ValueError") and said
        raise TemplateRefused((said if named else f"{type(error).__name__}: {said}")[:300]) from None


def prompt_text(tokenizer: Any, messages: Conversation, frame: AnswerFrame) -> str:
    """The conversation up to the answer. Raises TemplateRefused."""
    return frame.of(render_chat(tokenizer, messages, add_generation_prompt=True, **frame.options))


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of rendered text, which brings its own special tokens."""
    return [int(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]


def end_texts(tokenizer: Any) -> tuple[str, ...]:
    """The end tokens of this tokenizer, as text, and those that people append because another model has them."""
    own = tokenizer.eos_token
    return TURN_ENDS if not own or own in TURN_ENDS else (*TURN_ENDS, str(own))


def frame_of(tokenizer: Any, reasoning: tuple[str, str] | None = None) -> AnswerFrame:
    """What the template writes around answers. `reasoning`: what opens and closes the block that the answers of the data
    begin with; None where they have none. A plain frame where the template takes no such conversation."""
    if not tokenizer.chat_template:
        return AnswerFrame()
    try:
        plain = render_chat(tokenizer, [QUESTION_TURN], add_generation_prompt=True)
        for switch in SWITCHES if reasoning is None else ():
            if next(iter(switch)) in str(tokenizer.chat_template):
                return _probed(tokenizer, plain, reasoning, switch)
        return _probed(tokenizer, plain, reasoning, {})
    except TemplateRefused:
        return AnswerFrame()


def _probed(
    tokenizer: Any, plain: str, reasoning: tuple[str, str] | None, options: Mapping[str, Any]
) -> AnswerFrame:
    asked = render_chat(tokenizer, [QUESTION_TURN], add_generation_prompt=True, **options)
    trained, after = _around(tokenizer, reasoning, options)
    usual, tail, wanted = (_behind_question(text) for text in (plain, asked, trained))
    if usual is None or tail is None or wanted is None:
        return AnswerFrame(options, after=after)
    wanted = wanted.rstrip(" ")  # a space belongs to the answer's first token
    _, before = _differing(usual, wanted)
    if wanted.strip() == tail.strip():
        return AnswerFrame(options, after=after, before=before if before.strip() else "")
    dropped, added = _differing(tail, wanted)
    return AnswerFrame(options, dropped, added, after, before)


def _differing(one: str, other: str) -> tuple[str, str]:
    """What is left of both behind what they share; a mark such as `<think>` is not divided."""
    pairs = enumerate(zip(one, other, strict=False))
    shared = next((place for place, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))
    mark = max(one.rfind(sign, 0, shared) for sign in "<[")
    if mark >= 0 and not set(one[mark:shared]) & set(">]\n"):
        shared = mark
    return one[shared:], other[shared:]


def _around(tokenizer: Any, reasoning: tuple[str, str] | None, options: Mapping[str, Any]) -> tuple[str, str]:
    """(what stands before an answer that is trained on, what stands behind it before the end token)."""
    content = ANSWER
    if reasoning is not None:
        content = f"{reasoning[0]}\n{REASONING}\n{reasoning[1]}\n\n{ANSWER}"
    text = render_chat(tokenizer, [QUESTION_TURN, {"role": "assistant", "content": content}], **options)
    if ANSWER not in text:
        raise TemplateRefused("it leaves the assistant's turn out")
    before, _, after = text.rpartition(ANSWER)
    if content in text:
        before = text[: text.index(content)]
    elif REASONING in text:
        before = text[: text.index(REASONING)]
    return before, _closing(after, end_texts(tokenizer))


def _closing(after: str, ends: Sequence[str]) -> str:
    """What of the text behind an answer the model has to write itself: that up to the first end token."""
    places = [place for end in ends if (place := after.find(end)) >= 0]
    found = after[: min(places)] if places else after
    return found.strip()


def _behind_question(text: str) -> str | None:
    before, found, tail = text.rpartition(QUESTION)
    del before
    return tail if found else None


def split_answer(text: str, frame: AnswerFrame, ends: Sequence[str]) -> FinalAnswer:
    """Generated text without what the template itself writes after answers."""
    found = final_answer(text, ends)
    answer = found.answer.rstrip()
    if frame.after and answer.endswith(frame.after):
        return replace(found, answer=answer.removesuffix(frame.after).rstrip())
    return found
