"""A base's tokenizer with special tokens of a trainer's choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pretrained_tokenizer(base: str, *, trust_remote_code: bool, special: Mapping[str, Any]) -> Any:
    """`special`: named special tokens that the trainer sets, such as eos_token. Raises whatever transformers raises."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base, trust_remote_code=trust_remote_code, **special)
