"""Greedy generation for a batch of prompts: one step at a time, and rows that have ended leave the batch.

transformers' `generate` keeps ended rows in the batch until the last one is done, and its streamer takes one row
only. The loop here gives the same tokens; it is a generator, so that stopping means not asking for the next step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from hf_recipes.data.final_answer import TURN_ENDS

if TYPE_CHECKING:
    from hf_recipes.inference.kv_cache import Prefix

STAYING = 0.9
"""Rows that have ended are taken out of a batch once so few of its rows go on."""


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer: the model's, the tokenizer's, and the chat template's end of a turn."""
    found = getattr(model.generation_config, "eos_token_id", None)
    ends = set(found if isinstance(found, (list, tuple)) else [found])
    ends.add(tokenizer.eos_token_id)
    template = str(tokenizer.chat_template or "")
    vocabulary = tokenizer.get_vocab()
    ends |= {vocabulary[name] for name in TURN_ENDS if name in template and name in vocabulary}
    return frozenset(end for end in ends if end is not None)


def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    ends: frozenset[int],
    pad: int,
    max_new_tokens: int,
    prefix: Prefix | None = None,
    reading: int | None = None,
    around: Callable[[Sequence[int]], AbstractContextManager[None]] = lambda live: nullcontext(),
) -> Iterator[dict[int, int]]:
    """Yields, for each step, {row: its next token} of the rows that have not ended; an end token is yielded too.

    `prefix` is what all prompts begin with, computed before; the prompts are whole all the same. `around` is entered
    for each step, given the rows that are in the batch, in their order there. A row that has ended leaves it soon.
    `reading` is how many tokens of the prompts are read at a time, where the model's cache allows it: {} is yielded
    between, so that whoever wants no answer any more need not wait for all of a long prompt to be read.
    """
    import torch

    from hf_recipes.inference.kv_cache import cache_for, fits

    known = 0 if prefix is None else len(prefix.tokens)
    rest = [prompt[known:] for prompt in prompts]
    width = max(len(prompt) for prompt in rest)
    ids = torch.full((len(rest), width), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(rest):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    positions = known + (mask.cumsum(1) - 1).clamp(min=0)
    mask = torch.cat([mask.new_ones(len(rest), known), mask], dim=1)
    cache = cache_for(model, known + width + max_new_tokens, prefix)
    batch = list(range(len(rest)))
    ended: set[int] = set()
    keep_logits = _last_logits_only(model)

    def step(ids: Any, mask: Any, positions: Any) -> Any:
        """The likeliest token after each row, what was read before being in the cache."""
        with around(batch), torch.inference_mode():
            logits = model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                **keep_logits,
            ).logits
            return logits[:, -1].argmax(-1)

    while reading and ids.shape[1] > reading and fits(model):
        read = mask.shape[1] - ids.shape[1] + reading
        step(ids[:, :reading], mask[:, :read], positions[:, :reading])
        ids, positions = ids[:, reading:], positions[:, reading:]
        yield {}
    for _ in range(max_new_tokens):
        following = step(ids, mask, positions)
        new = {row: token for row, token in zip(batch, following.tolist(), strict=True) if row not in ended}
        yield new
        ended |= {row for row, token in new.items() if token in ends}
        going = [place for place, row in enumerate(batch) if row not in ended]
        if not going:
            return
        with torch.inference_mode():
            # To move the rows that stay costs more than to carry a few that have ended.
            if len(going) <= len(batch) * STAYING:
                kept = torch.tensor(going, device=mask.device)
                cache.batch_select_indices(kept)
                following, mask, positions = following[kept], mask[kept], positions[kept]
                batch = [batch[place] for place in going]
            ids = following[:, None]
            mask = torch.cat([mask, mask.new_ones(len(batch), 1)], dim=1)
            positions = positions[:, -1:] + 1


def _last_logits_only(model: Any) -> dict[str, int]:
    """Logits of a whole prompt are gigabytes with a large vocabulary, and only the last row of them is used."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(inner.forward).parameters else {}
