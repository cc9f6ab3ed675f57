"""What answers test rows: a Pair loaded here, vLLM on this machine, the user's own server, a reference model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hf_recipes.inference.sides import Conversation, Which


@dataclass(frozen=True)
class GeneratedAnswer:
    text: str
    """Without the reasoning before it and the token that ends it."""
    prompt_tokens: int
    completion_tokens: int
    """The end token counts: it was generated too."""
    seconds: float
    """Wall time of its batch, divided by the rows in it, and its part of the time that a shared prefix took."""
    weights: str
    """`base:` or `fine-tuned:`, and the fingerprint."""
    cached: bool = False
    """Whether it was made before; its seconds were measured then."""
    cut: bool = False
    """Whether it ended at the limit of tokens, and not by itself."""
    reasoning: str = ""
    """What was generated before the answer, its marks included."""


class Answerer(Protocol):
    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        model: Which,
        max_new_tokens: int,
        batch_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GeneratedAnswer]:
        """Greedy answers of one model, in the order of the conversations.

        `batch_size` of them are under way together; `progress` is told how many of all are answered. Raises what the
        answerer's own docstring says.
        """


class Counting(Answerer, Protocol):
    """One that can say how long a prompt is, before it is asked."""

    @property
    def count(self) -> Callable[[Conversation], int]:
        """Tokens of the prompt, chat template and generation prompt included."""
