"""The base and the fine-tuned model, loaded as one pair, and who of the two says what.

A LoRA adapter is laid over base weights that are loaded once and never merged into: the base stays, bit for bit,
what it was. Anything else (a full fine-tune, an adapter that brings whole layers) is loaded beside its base.
Every answer carries the fingerprint of the weights that made it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes.catalog.openmp import WAITING

os.environ.update(WAITING | os.environ)  # before torch is imported

from hf_recipes.inference.answer_cache import AnswerCache
from hf_recipes.inference.answerer import GeneratedAnswer
from hf_recipes.inference.batches import Batches
from hf_recipes.inference.chat_template import frame_of
from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.inference.generation import decode, end_tokens
from hf_recipes.inference.loading import (
    ADAPTER,
    ModelUnavailable,
    height,
    load_model,
    load_tokenizer,
    model_folder,
    only_lora,
    resized,
    with_adapter,
)
from hf_recipes.inference.sides import (
    Conversation,
    PromptTooLong,
    Side,
    Which,
    answer_and_reasoning,
    check_length,
    encode,
    pad_of,
)

READING = 256
"""Tokens of a prompt that are read between two looks at whether the answer is still wanted. On two cores reading costs as much as in
one go (0.97 to 1.02 of the time, prompts of 459 and 1,143 tokens); parts of 128 cost a twentieth more."""

Marks = tuple[str, str]

__all__ = ["Delta", "ModelUnavailable", "Pair", "PromptTooLong", "load_base", "load_pair"]


@dataclass(frozen=True)
class Delta:
    """How far one model of the pair is."""

    model: Which
    text: str
    """All of the answer so far."""
    tokens: int
    seconds: float
    """Since the question was asked."""
    first_token_seconds: float | None
    done: bool
    weights: str
    stopped: bool = False
    """Whether it is done because it was stopped."""
    reasoning: str = ""
    """What was generated before the answer, its marks included."""


class Pair:
    def __init__(self, base: Side, tuned: Side | None) -> None:
        self._sides: dict[str, Side] = {side.which: side for side in (base, tuned) if side is not None}
        self.lock = threading.Lock()
        """Held while the models are in use: both may share the same weights."""
        self.tokenizer, self._frame = (tuned or base).tokenizer, (tuned or base).frame
        self.device = base.model.device
        self.base_weights = base.weights
        self.tuned_weights = tuned.weights if tuned is not None else None
        self.shared = tuned is not None and tuned.model is base.model
        """Whether both use the same base weights in memory."""
        self.cache = AnswerCache(None)
        """Where `answer` looks first, and keeps what it made."""
        self._prefixes: dict[str, Any] = {}

    def base_alone(self) -> Any:
        """The base model as it was loaded, for the next pair of the same base. This pair answers no more."""
        from hf_recipes.inference.lora_rows import without_rows

        base = self._sides.pop("base").model
        self._sides.clear()
        self._prefixes.clear()
        return without_rows(base) if self.shared else base

    def count(self, messages: Conversation) -> int:
        """Tokens of the prompt, chat template and generation prompt included."""
        return len(encode(self.tokenizer, messages, self._frame))

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        model: Which,
        max_new_tokens: int,
        batch_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GeneratedAnswer]:
        """Greedy answers of one model, in the order of the conversations. Raises PromptTooLong.

        `batch_size` rows at the most are answered together; fewer where prompts are so long that memory says so.
        `progress` is told how many of all are answered. What all prompts begin with is computed once, also for the
        next call when its prompts begin so too.
        """
        side = self.side(model)
        prompts = [encode(side.tokenizer, conversation, side.frame) for conversation in conversations]
        for prompt in prompts:
            check_length(side, prompt, max_new_tokens)
        with self.lock:
            batches = Batches(side, self.stamp(side, max_new_tokens), self.cache, self._prefixes)
            made = batches.answers(
                prompts, max_new_tokens, batch_size, progress or (lambda done, total: None)
            )
        texts = [answer_and_reasoning(side, generated.tokens) for generated in made]
        return [
            GeneratedAnswer(
                text.answer,
                len(prompt),
                len(generated.tokens),
                generated.seconds,
                side.weights,
                generated.cached,
                cut=not generated.tokens or generated.tokens[-1] not in side.ends,
                reasoning=text.reasoning,
            )
            for prompt, generated, text in zip(prompts, made, texts, strict=True)
        ]

    def stream(
        self, messages: Conversation, *, max_new_tokens: int, stop: threading.Event
    ) -> Iterator[Delta]:
        """Both models answer the same messages; a Delta for each new token of each, and one with `done` for each.

        `stop` ends it after the step under way, of which reading a long prompt has several. Raises PromptTooLong before the first Delta.
        """
        sides = sorted(
            self._sides.values(), key=lambda side: side.adapted
        )  # adapted rows stand last in a batch
        prompts = [encode(side.tokenizer, messages, side.frame) for side in sides]
        for side, prompt in zip(sides, prompts, strict=True):
            check_length(side, prompt, max_new_tokens)
        with self.lock:
            started = time.perf_counter()
            panes = [_Pane(side, started) for side in sides]
            for new in self._steps(sides, prompts, max_new_tokens):
                for row, token in new.items():
                    yield panes[row].add(token, max_new_tokens)
                if stop.is_set():
                    break
            for pane in panes:
                if not pane.done:
                    yield pane.stop()

    def side(self, which: Which) -> Side:
        """One model of the pair, for what is measured on it; `lock` is held meanwhile. Raises ModelUnavailable."""
        if which not in self._sides:
            raise ModelUnavailable(f"the {which} model is not loaded")
        return self._sides[which]

    def _steps(
        self, sides: Sequence[Side], prompts: Sequence[list[int]], max_new_tokens: int
    ) -> Iterator[dict[int, int]]:
        if self.shared:
            yield from decode(
                sides[0].model,
                prompts,
                ends=sides[0].ends | sides[1].ends,
                pad=pad_of(sides[0].tokenizer),
                max_new_tokens=max_new_tokens,
                reading=READING,
                around=lambda live: sides[0].rows.adapted_from(sum(not sides[row].adapted for row in live)),
            )
            return
        # Two models in memory take turns, a step each, so that neither pane stands still while the other is filled.
        turns = {
            row: decode(
                side.model,
                [prompt],
                ends=side.ends,
                pad=pad_of(side.tokenizer),
                max_new_tokens=max_new_tokens,
                reading=READING,
            )
            for row, (side, prompt) in enumerate(zip(sides, prompts, strict=True))
        }
        while turns:
            for row, steps in list(turns.items()):
                new = next(steps, None)
                if new is None:
                    del turns[row]
                else:
                    yield {row: new[0]} if new else {}

    def stamp(self, side: Side, max_new_tokens: int) -> list[object]:
        """All that an answer follows from but its prompt. An adapter's fingerprint says nothing of what it lies on."""
        dtype = str(side.model.dtype)
        return [
            self.base_weights,
            side.weights,
            dtype,
            side.model.device.type,
            sorted(side.ends),
            max_new_tokens,
        ]


class _Pane:
    """What one model has said so far."""

    def __init__(self, side: Side, started: float) -> None:
        self._side = side
        self._started = started
        self._tokens: list[int] = []
        self._first: float | None = None
        self._last = 0.0
        self.done = False

    def add(self, token: int, max_new_tokens: int) -> Delta:
        self._tokens.append(token)
        self._last = time.perf_counter() - self._started
        self._first = self._last if self._first is None else self._first
        self.done = token in self._side.ends or len(self._tokens) >= max_new_tokens
        return self._delta()

    def stop(self) -> Delta:
        self.done = True
        return self._delta(stopped=True)

    def _delta(self, *, stopped: bool = False) -> Delta:
        text = answer_and_reasoning(self._side, self._tokens)
        answer, reasoning = text.answer, text.reasoning
        if not self.done:
            # The first bytes of a character whose others are still to come.
            answer, reasoning = answer.rstrip("\ufffd"), reasoning.rstrip("\ufffd")
        return Delta(
            self._side.which,
            answer,
            len(self._tokens),
            self._last,
            self._first,
            self.done,
            self._side.weights,
            stopped,
            reasoning,
        )


def load_base(
    base: str,
    *,
    trust_remote_code: bool = False,
    chat_template: str | None = None,
    reasoning: Marks | None = None,
) -> Pair:
    """A pair of which only "base" answers. `chat_template` is used where the tokenizer brings none.

    Raises ModelUnavailable.
    """
    model, tokenizer = load_model(base, trust_remote_code), load_tokenizer(base, trust_remote_code)
    tokenizer.chat_template = tokenizer.chat_template or chat_template
    return Pair(_base_side(base, model, tokenizer, reasoning=reasoning), None)


def load_pair(
    base: str,
    model_dir: Path,
    *,
    trust_remote_code: bool = False,
    base_model: Any = None,
    reasoning: Marks | None = None,
) -> Pair:
    """The base and what was trained from it: an adapter, or a whole model beside it. Raises ModelUnavailable.

    `base_model` is the base where it is in memory already: what Pair.base_alone gave. `reasoning`: what opens and closes
    the block that the answers of the training data begin with, where they have one.
    """
    model_dir = Path(model_dir)
    files = weight_files(model_dir)
    if not files:
        raise ModelUnavailable(f"there are no safetensors weights in {model_dir}")
    base_tokenizer = load_tokenizer(base, trust_remote_code)
    own = (model_dir / "tokenizer_config.json").is_file()
    tokenizer = load_tokenizer(str(model_dir), trust_remote_code) if own else base_tokenizer
    base_tokenizer.chat_template = base_tokenizer.chat_template or tokenizer.chat_template
    weights = f"fine-tuned:{fingerprint(files)}"
    if base_model is None:
        base_model = load_model(base, trust_remote_code)
    from hf_recipes.inference.lora_rows import by_rows

    rows = None
    if not (model_dir / "adapter_config.json").is_file():
        tuned = load_model(str(model_dir), trust_remote_code)
    elif only_lora(model_dir) and len(tokenizer) <= height(base_model):
        base_model, rows = by_rows(with_adapter(base_model, model_dir), ADAPTER)
        tuned = base_model
    else:
        tuned = with_adapter(resized(load_model(base, trust_remote_code), model_dir), model_dir)
    side = _base_side(base, base_model, base_tokenizer, rows, reasoning)
    ends = side.ends if rows is not None else end_tokens(tuned, tokenizer)
    frame = frame_of(tokenizer, reasoning)
    return Pair(side, Side("fine-tuned", tuned, tokenizer, weights, ends, rows, adapted=True, frame=frame))


def _base_side(
    base: str, model: Any, tokenizer: Any, rows: Any = None, reasoning: Marks | None = None
) -> Side:
    weights = f"base:{fingerprint(weight_files(model_folder(base)))}"
    ends = end_tokens(model, tokenizer)
    return Side("base", model, tokenizer, weights, ends, rows, frame=frame_of(tokenizer, reasoning))
