"""One of the two models of a pair: its weights, its words, its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.final_answer import FinalAnswer
from hf_recipes.inference.chat_template import end_texts, prompt_text, split_answer, text_ids
from hf_recipes.inference.loading import ModelUnavailable

Which = Literal["base", "fine-tuned"]
Conversation = Sequence[Mapping[str, str]]
ALL_ROWS = 1 << 62
"""More than a batch has."""
PLAIN = AnswerFrame()


class PromptTooLong(ValueError):
    """A prompt and its answer do not fit into the positions that the model knows."""


@dataclass(frozen=True)
class Side:
    """One of the two: where its weights are, and which of them it uses."""

    which: Which
    model: Any
    tokenizer: Any
    weights: str
    ends: frozenset[int]
    rows: Any = None
    """What says which rows of a batch the adapter counts for, where both sides share a model; else None."""
    adapted: bool = False
    """Whether the adapter counts for this side's rows. Means something only with `rows`."""
    frame: AnswerFrame = PLAIN
    """What its chat template writes around answers."""

    def alone(self) -> AbstractContextManager[None]:
        """While it is entered, every row is this side's."""
        return nullcontext() if self.rows is None else self.rows.adapted_from(0 if self.adapted else ALL_ROWS)


def encode(tokenizer: Any, messages: Conversation, frame: AnswerFrame = PLAIN) -> list[int]:
    """The tokens of the conversation up to the answer. Raises ModelUnavailable, TemplateRefused."""
    if not tokenizer.chat_template:
        raise ModelUnavailable(
            "the model's tokenizer has no chat template, so it cannot be asked in messages"
        )
    return text_ids(tokenizer, prompt_text(tokenizer, messages, frame))


def check_length(side: Side, prompt: Sequence[int], max_new_tokens: int) -> None:
    most = getattr(side.model.config.get_text_config(), "max_position_embeddings", None)
    if most is not None and len(prompt) + max_new_tokens > most:
        raise PromptTooLong(
            f"the prompt has {len(prompt):,} tokens; with {max_new_tokens:,} for the answer that is more than the"
            f" {most:,} that the {side.which} model takes"
        )


def answer_and_reasoning(side: Side, tokens: Sequence[int]) -> FinalAnswer:
    """What was generated, in words: the answer, and apart from it the reasoning that stands before it."""
    kept = [token for token in tokens if token not in side.ends]
    plain = str(side.tokenizer.decode(kept, skip_special_tokens=True))
    special = set(side.tokenizer.all_special_ids)
    if not special.isdisjoint(kept):
        # Some models mark their reasoning with special tokens.
        found = split_answer(str(side.tokenizer.decode(kept)), side.frame, end_texts(side.tokenizer))
        if found.reasoning:
            answer = found.answer
            for name in side.tokenizer.all_special_tokens:
                answer = answer.replace(name, "")
            return replace(found, answer=answer)
    return split_answer(plain, side.frame, end_texts(side.tokenizer))


def pad_of(tokenizer: Any) -> int:
    """Padding is masked, so any token will do."""
    return int(tokenizer.pad_token_id or 0)
