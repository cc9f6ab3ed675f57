"""The decoding loop gives what transformers' own `generate` gives, and drops rows that have ended."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.inference.generating import decode, end_tokens

NEW = 24
PROMPTS = [[1, 40, 41, 42], [1, 99], [1, 7, 8, 9, 10, 11, 12, 13, 14], [1, 200, 3, 77, 5]]


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_llama).eval()


def theirs(model: Any, prompt: list[int], ends: frozenset[int]) -> list[int]:
    import torch

    ids = torch.tensor([prompt])
    made = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=3,
    )
    return [int(one) for one in made[0, len(prompt) :]]


def ours(model: Any, ends: frozenset[int]) -> tuple[list[list[int]], list[int]]:
    rows: list[list[int]] = [[] for _ in PROMPTS]
    widths = []
    for new in decode(model, PROMPTS, ends=ends, pad=3, max_new_tokens=NEW):
        widths.append(len(new))
        for row, token in new.items():
            rows[row].append(token)
    return rows, widths


def test_a_batch_gives_each_row_what_generate_gives_it_alone(model: Any) -> None:
    never = frozenset({2})
    rows, _ = ours(model, never)
    assert rows == [theirs(model, prompt, never) for prompt in PROMPTS]


def test_rows_that_have_ended_leave_the_batch_and_change_nothing_for_the_others(model: Any) -> None:
    # A token that some rows say and others do not, in the middle of their answers, ends them here.
    unending = [theirs(model, prompt, frozenset({2})) for prompt in PROMPTS]
    said = Counter(token for row in unending for token in set(row[1:]))
    ends = frozenset({next(token for token, rows in sorted(said.items()) if rows < len(PROMPTS))})
    rows, widths = ours(model, ends)
    assert rows == [theirs(model, prompt, ends) for prompt in PROMPTS]
    assert widths == [sum(len(row) > step for row in rows) for step in range(len(widths))]
    assert min(widths) < len(PROMPTS)


def test_the_template_s_end_of_a_turn_ends_an_answer_even_where_the_model_does_not_say_so(
    model: Any, tiny_llama: Path
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    tokenizer.eos_token = "<|endoftext|>"
    model.generation_config.eos_token_id = 0
    assert end_tokens(model, tokenizer) == {0, tokenizer.convert_tokens_to_ids("<|im_end|>")}
