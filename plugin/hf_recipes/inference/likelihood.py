"""How likely a model finds a text that is given: forward passes in batches, no generation.

The negative log-likelihood of tokens x_1 … x_n after a prompt is −Σ log p(x_i | prompt, x_<i), in nats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hf_recipes.inference.answer_cache import key
from hf_recipes.inference.chat_template import prompt_text, render_chat, text_ids
from hf_recipes.inference.generation import _last_logits_only
from hf_recipes.inference.oom_halving import in_halves
from hf_recipes.inference.sides import Conversation, Side, Which, check_length, pad_of

LOGITS = 1 << 26
"""Logits in memory at once, 256 MiB in float32: with a large vocabulary they, not the model, are what fills it."""
TOKENS = 1 << 14
"""Tokens in a batch."""


def reference_nll(
    pair: Any,
    conversations: Sequence[Conversation],
    references: Sequence[str],
    *,
    model: Which,
    reasonings: Sequence[str] | None = None,
) -> list[tuple[float, int]]:
    """(nats, tokens) of each reference as the assistant's turn after its conversation, the end token included.

    `reasonings`: what stands before each in the data. It is given, as the prompt is, and not counted. Raises PromptTooLong.
    """
    side: Side = pair.side(model)
    prompts, turns = [], []
    for conversation, reference, reasoning in zip(
        conversations, references, reasonings or [""] * len(references), strict=True
    ):
        prompt, turn = _prompt_and_turn(side, conversation, reference, reasoning)
        prompts.append(prompt)
        turns.append(turn)
    for prompt, turn in zip(prompts, turns, strict=True):
        check_length(side, prompt, len(turn))
    return list(zip(_nll(pair, side, prompts, turns), map(len, turns), strict=True))


def text_nll(pair: Any, texts: Sequence[str], *, model: Which) -> list[tuple[float, int]]:
    """(nats, tokens) of plain texts without any template; the first token stands as given and is not counted."""
    side: Side = pair.side(model)
    tokenizer = pair.side("base").tokenizer  # the same tokens for both
    ids = [[int(token) for token in tokenizer(text)["input_ids"]] for text in texts]
    heads, tails = [text_ids[:1] for text_ids in ids], [text_ids[1:] for text_ids in ids]
    return list(zip(_nll(pair, side, heads, tails), map(len, tails), strict=True))


def _prompt_and_turn(
    side: Side, conversation: Conversation, reference: str, reasoning: str
) -> tuple[list[int], list[int]]:
    """The tokens that are given, and those that the model should have said: as the chat template writes the turn, up to
    the end token."""
    tokenizer = side.tokenizer
    content = f"{reasoning}\n\n{reference}" if reasoning else reference
    turns = [*conversation, {"role": "assistant", "content": content}]
    text = render_chat(tokenizer, turns, **side.frame.options)
    given = prompt_text(tokenizer, conversation, side.frame)
    if reasoning and (at := text.rfind(reference.strip())) > 0:
        given = text[:at]
    prompt, whole = text_ids(tokenizer, given), text_ids(tokenizer, text)
    said = whole[len(prompt) :]
    if whole[: len(prompt)] != prompt:  # a template that writes a past turn otherwise than one to come
        said = text_ids(tokenizer, reference)
    end = next((place for place, token in enumerate(said) if token in side.ends), None)
    if end is not None:
        return prompt, said[: end + 1]
    closing = tokenizer.eos_token_id
    return prompt, said if closing is None else [*said, int(closing)]


def _nll(
    pair: Any, side: Side, prompts: Sequence[Sequence[int]], turns: Sequence[Sequence[int]]
) -> list[float]:
    """Nats of each turn; what the same weights were asked before comes out of the pair's cache."""
    keys = [
        key("likelihood", *pair.stamp(side, 0), list(prompt), list(turn))
        for prompt, turn in zip(prompts, turns, strict=True)
    ]
    kept = pair.cache.get(dict.fromkeys(keys))
    found = [float(kept[key]["nats"]) if key in kept else 0.0 for key in keys]
    left = [place for place, key in enumerate(keys) if key not in kept]
    order = sorted(left, key=lambda place: len(prompts[place]) + len(turns[place]))
    for places in _batches(order, prompts, turns, side.model.config.get_text_config().vocab_size):
        with pair.lock, side.alone():
            sums = in_halves(
                lambda some: _batch(side, [prompts[row] for row in some], [turns[row] for row in some]),
                places,
            )
        for place, nats in zip(places, sums, strict=True):
            found[place] = nats
        pair.cache.put({keys[place]: {"nats": found[place]} for place in places})
    return found


def _batches(
    order: Iterable[int], prompts: Sequence[Sequence[int]], turns: Sequence[Sequence[int]], vocabulary: int
) -> Iterable[list[int]]:
    """Rows of like length, as many together as fit."""
    batch: list[int] = []
    for place in order:
        longer = [*batch, place]
        width = max(len(prompts[text]) + len(turns[text]) for text in longer)
        tail = max(len(turns[text]) for text in longer) + 1
        if batch and (len(longer) * width > TOKENS or len(longer) * tail * vocabulary > LOGITS):
            yield batch
            longer = [place]
        batch = longer
    if batch:
        yield batch


def _batch(side: Side, prompts: Sequence[Sequence[int]], turns: Sequence[Sequence[int]]) -> list[float]:
    """Padded on the left, so that the turns end together and only the logits before them are made."""
    import torch
    from torch.nn import functional

    texts = [[*prompt, *turn] for prompt, turn in zip(prompts, turns, strict=True)]
    width, tail = max(map(len, texts)), max(map(len, turns))
    ids = torch.full((len(texts), width), pad_of(side.tokenizer))
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, width - len(text) :] = torch.tensor(text, dtype=ids.dtype)
        mask[row, width - len(text) :] = 1
    ids, mask = ids.to(side.model.device), mask.to(side.model.device)
    keep = dict.fromkeys(_last_logits_only(side.model), tail + 1)
    with torch.inference_mode():
        logits = side.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            use_cache=False,
            **keep,
        ).logits[:, -tail - 1 : -1]
        sums = []
        for row, turn in enumerate(turns):
            if not turn:
                sums.append(0.0)
                continue
            before = logits[row, tail - len(turn) :].float()
            sums.append(
                float(functional.cross_entropy(before, ids[row, width - len(turn) :], reduction="sum"))
            )
    return sums
