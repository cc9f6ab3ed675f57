"""Answers of one model behind an endpoint, in the form that those of a model loaded here have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hf_recipes.data.final_answer import final_answer
from hf_recipes.endpoint.client import AT_ONCE, Client, EndpointFailed, Reply
from hf_recipes.inference.answerer import GeneratedAnswer
from hf_recipes.inference.sides import Conversation

__all__ = ["EndpointFailed", "ReferenceEndpoint"]


class ReferenceEndpoint:
    def __init__(self, what: str, base_url: str, model: str, api_key: str | None = None) -> None:
        """`what` names it in messages; `api_key` is the *name* of a variable. Raises EndpointFailed."""
        self.model = model
        self._client = Client(what, base_url, model, api_key)

    def chat(
        self,
        conversations: Sequence[Conversation],
        *,
        weights: str,
        max_new_tokens: int,
        at_once: int = AT_ONCE,
        progress: Callable[[int, int], None] | None = None,
        template_options: Mapping[str, Any] | None = None,
    ) -> list[GeneratedAnswer]:
        """Answers to the conversations, in their order, each greedy as far as the server allows. `template_options` are for
        its chat template. Raises EndpointFailed."""
        started = time.perf_counter()
        replies = self._client.chat(
            conversations,
            max_new_tokens=max_new_tokens,
            at_once=at_once,
            each=self._each(progress, len(conversations)),
            template_options=template_options,
        )
        return _answers(replies, time.perf_counter() - started, weights, max_new_tokens)

    def complete(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        weights: str,
        max_new_tokens: int,
        at_once: int,
        extra: Mapping[str, Any],
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GeneratedAnswer]:
        """As `chat`, for prompts that are tokens already; `extra` is what this server knows beyond OpenAI's interface."""
        started = time.perf_counter()
        replies = self._client.complete(
            prompts,
            max_new_tokens=max_new_tokens,
            at_once=at_once,
            extra=extra,
            each=self._each(progress, len(prompts)),
        )
        return _answers(replies, time.perf_counter() - started, weights, max_new_tokens)

    def close(self) -> None:
        self._client.close()

    def _each(self, progress: Callable[[int, int], None] | None, total: int) -> Callable[[int, Reply], None]:
        """Looks at each reply as it comes: one that can't be compared ends it before the others are asked and paid for."""
        done = 0

        def each(_: int, reply: Reply) -> None:
            nonlocal done
            if reply.prompt_tokens is None or reply.completion_tokens is None:
                raise self._client.failed(
                    "does not say how many tokens it read and wrote (usage), so its cost cannot be compared"
                )
            done += 1
            if progress is not None:
                progress(done, total)

        return each


def _answers(
    replies: Sequence[Reply], seconds: float, weights: str, max_new_tokens: int
) -> list[GeneratedAnswer]:
    share = seconds / max(1, len(replies))
    said = [final_answer(reply.text) for reply in replies]
    return [
        GeneratedAnswer(
            text.answer,
            reply.prompt_tokens or 0,
            reply.completion_tokens or 0,
            share,
            weights,
            # Some servers give no reason, or always the same: the count says it too.
            cut=reply.finish_reason == "length" or (reply.completion_tokens or 0) >= max_new_tokens,
            reasoning=text.reasoning,
        )
        for reply, text in zip(replies, said, strict=True)
    ]
