"""The tokenizer of a base that is trained on conversations, with a chat template in any case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""What a base without a chat template of its own is trained with."""


def chat_tokenizer(
    base: str, template: str | None = None, *, trust_remote_code: bool, special: Mapping[str, Any]
) -> Any:
    """`template` takes the place of the base's own; `special`: named special tokens, such as eos_token. Rendering is bounded.

    Raises whatever transformers raises.
    """
    from hf_recipes.inference.bounded_template import bounded
    from hf_recipes.inference.tokenizer import pretrained_tokenizer

    tokenizer = pretrained_tokenizer(base, trust_remote_code=trust_remote_code, special=special)
    if template or not tokenizer.chat_template:
        tokenizer.chat_template = template or CHATML
    return bounded(tokenizer)
