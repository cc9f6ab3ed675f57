"""The keys and values of a batch: room for all its tokens taken once, and a prefix that all its prompts share.

transformers' DynamicCache copies everything that it holds for each new token. Here a layer writes into room that it
has, and gives out a view. Only for models whose layers all attend to everything before them: `fits` says which.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

CACHE_BYTES = 1 << 30
"""What the keys and values of a batch may take on a CPU."""
GPU_SHARE = 4
"""On a GPU they may take one part in so many of what is free there."""
TOKENS = 16_384
"""Tokens a batch, of a model whose config does not say how many bytes one takes."""


@dataclass(frozen=True)
class Prefix:
    """The first tokens of many prompts, and what each layer makes of them, for a batch of one."""

    tokens: tuple[int, ...]
    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # (transformers is not here when types are checked)
    """Keys and values of one layer in a buffer with `room` tokens of width, which begins with the prefix."""

    def __init__(self, room: int, prefix: tuple[torch.Tensor, torch.Tensor] | None) -> None:
        super().__init__()
        self._room = room
        self._prefix = prefix
        self._used = 0 if prefix is None else prefix[0].shape[-2]
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self._buffers is None:
            self._begin(key_states, value_states)
        assert self._buffers is not None
        end = self._used + key_states.shape[-2]
        keys, values = self._buffers
        keys[:, :, self._used : end] = key_states
        values[:, :, self._used : end] = value_states
        self._used = end
        self.keys, self.values = keys[:, :, :end], values[:, :, :end]
        return self.keys, self.values

    def get_seq_length(self) -> int:
        return self._used

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        assert self._buffers is not None
        keys, values = self._buffers
        # Rows move to the front of the same buffer, each to where it or an earlier one was: nothing is taken anew.
        for place, row in enumerate(indices.tolist()):
            if place != row:
                keys[place, :, : self._used] = keys[row, :, : self._used]
                values[place, :, : self._used] = values[row, :, : self._used]
        self._buffers = keys[: len(indices)], values[: len(indices)]

    def _begin(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        self.dtype, self.device = key_states.dtype, key_states.device
        self._buffers = tuple(
            new.new_empty(*new.shape[:-2], self._room, new.shape[-1]) for new in (key_states, value_states)
        )
        assert self._buffers is not None
        if self._prefix is not None:
            for buffer, shared in zip(self._buffers, self._prefix, strict=True):
                buffer[:, :, : self._used] = shared
        self._prefix = None
        self.is_initialized = True


def fits(model: Any) -> bool:
    """Whether a model's layers all attend to everything before them, and find a token by the position that it is given."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    config = inner.config.get_text_config(decoder=True)
    layers = DynamicCache(config=inner.config).layers
    return (
        len(layers) == getattr(config, "num_hidden_layers", 0)
        and all(type(layer) is DynamicLayer for layer in layers)
        and "position_ids" in inspect.signature(inner.forward).parameters
        and not getattr(config, "alibi", False)
        and not getattr(config, "is_encoder_decoder", False)
    )


def cache_for(model: Any, room: int, prefix: Prefix | None) -> Any:
    """An empty cache, or one that holds the prefix, for `room` tokens a row, the prefix's included."""
    if not fits(model):
        return DynamicCache(config=model.config)
    count = model.config.get_text_config(decoder=True).num_hidden_layers
    shared: Sequence[Any] = [None] * count if prefix is None else prefix.layers
    return Cache(layers=[RoomyLayer(room, layer) for layer in shared])


def prefix_of(model: Any, tokens: Sequence[int]) -> Prefix:
    """What a model that `fits` makes of the tokens."""
    cache = DynamicCache(config=model.config)
    ids = torch.tensor([list(tokens)], device=model.device)
    with torch.inference_mode():
        # The body alone: what the head would say about these tokens is not asked for.
        body = getattr(model, "base_model", model)
        body(input_ids=ids, past_key_values=cache, use_cache=True)
    return Prefix(tuple(tokens), tuple((layer.keys, layer.values) for layer in cache.layers))


def common_start(prompts: Sequence[list[int]]) -> list[int]:
    """The longest beginning that all prompts share, of which each has at least one token more."""
    low, high = min(prompts), max(prompts)
    most = min(len(prompt) for prompt in prompts) - 1
    same = 0
    while same < min(most, len(low), len(high)) and low[same] == high[same]:
        same += 1
    return list(low[:same])


def tokens_that_fit(model: Any) -> int:
    """How many tokens the prompts and answers of a batch may have together."""
    config = model.config.get_text_config(decoder=True)
    try:
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        per_token = 2 * config.num_hidden_layers * heads * size * model.dtype.itemsize
    except AttributeError:
        return TOKENS
    room = CACHE_BYTES
    if model.device.type == "cuda":
        # What torch holds from the batch before and does not use is as good as free.
        idle = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
        room = int(torch.cuda.mem_get_info(model.device)[0] + idle) // GPU_SHARE
    return max(1, room // int(per_token))
