"""A person's own server, which answers for the base and, where it serves it, for the fine-tuned model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hf_recipes.inference.answerer import Answerer, GeneratedAnswer
from hf_recipes.inference.sides import Conversation, Which
from hf_recipes.recipe.model import Server
from hf_recipes.steps.answer.endpoint import ReferenceEndpoint


class Served:
    """Answers like a Pair. A stamp says what the server calls the model, since its weights cannot be seen."""

    def __init__(
        self,
        server: Server,
        count: Callable[[Conversation], int],
        pair: Callable[[], Answerer],
        template_options: Mapping[str, Any] | None = None,
    ) -> None:
        """`template_options`: what the chat template is told in training, and here too. `pair` loads the models here: for the fine-tuned one where the server has the base alone. Raises EndpointFailed."""
        self._sides = {
            "base": ReferenceEndpoint("evaluate.server", server.base_url, server.base, server.api_key)
        }
        self.base_weights = f"base:served/{server.base}"
        self.tuned_weights: str | None = None
        if server.fine_tuned is not None:
            self._sides["fine-tuned"] = ReferenceEndpoint(
                "evaluate.server", server.base_url, server.fine_tuned, server.api_key
            )
            self.tuned_weights = f"fine-tuned:served/{server.fine_tuned}"
        self.count = count
        self._template_options = template_options
        self._load = pair
        self._pair: Answerer | None = None

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        model: Which,
        max_new_tokens: int,
        batch_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GeneratedAnswer]:
        """`batch_size` requests are under way. Raises EndpointFailed, and what the pair's does where it answers."""
        side = self._sides.get(model)
        if side is None:
            self._pair = self._pair or self._load()
            return self._pair.answer(
                conversations,
                model=model,
                max_new_tokens=max_new_tokens,
                batch_size=batch_size,
                progress=progress,
            )
        weights = self.base_weights if model == "base" else str(self.tuned_weights)
        return side.chat(
            conversations,
            weights=weights,
            max_new_tokens=max_new_tokens,
            at_once=batch_size,
            progress=progress,
            template_options=self._template_options,
        )

    def close(self) -> None:
        for side in self._sides.values():
            side.close()
