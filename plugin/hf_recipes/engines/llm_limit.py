"""How many tokens of a language model's row are kept together, by `params.block_size` and `params.model_max_length`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 2048
"""Tokens at which a tokenizer without a nearer bound cuts, where model_max_length says nothing."""
DEFAULT_BLOCK = 1024
"""Tokens of a block_size of -1, where the base knows as many."""


def block_limit(tokenizer: Any, params: Mapping[str, Any]) -> int:
    """Tokens of a block: block_size, as far as the tokenizer goes."""
    longest = longest_of(tokenizer, params)
    block = params.get("block_size")
    if not isinstance(block, int) or block <= 0:
        return min(longest, DEFAULT_BLOCK)
    return min(block, longest)


def longest_of(tokenizer: Any, params: Mapping[str, Any]) -> int:
    """Tokens at which the tokenizer itself cuts, where it is asked to."""
    longest = int(tokenizer.model_max_length)
    return int(params.get("model_max_length") or LONGEST) if longest > LONGEST else longest


def block_limited_by(tokenizer: Any, params: Mapping[str, Any]) -> str:
    """The key of the recipe that `block_limit` comes from."""
    limit, block = block_limit(tokenizer, params), params.get("block_size")
    shorter = isinstance(block, int) and 0 < block == limit
    if shorter or block_limit(tokenizer, {**params, "block_size": None}) != limit:
        return "params.block_size"
    return "params.model_max_length"
