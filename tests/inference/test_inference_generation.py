"""The decoding loop gives what transformers' own `generate` gives, and drops rows that have ended."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.inference.generation import decode, end_tokens

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


@pytest.mark.parametrize("reading", [1, 3, 8, 9])
def test_a_prompt_that_is_read_in_parts_is_answered_the_same(model: Any, reading: int) -> None:
    never = frozenset({2})
    steps = list(decode(model, PROMPTS, ends=never, pad=3, max_new_tokens=NEW, reading=reading))
    between = [step for step in steps if not step]
    assert steps[: len(between)] == between  # nothing is said before all is read
    assert len(between) == (max(map(len, PROMPTS)) - 1) // reading
    said = [[step[row] for step in steps if row in step] for row in range(len(PROMPTS))]
    assert said == [theirs(model, prompt, never) for prompt in PROMPTS]


def test_what_remembers_no_single_tokens_reads_a_prompt_at_once(model: Any) -> None:
    """Layers that see a window, or keep a state, are not asked to go on from the middle of a prompt."""
    from transformers import MistralConfig, MistralForCausalLM

    windowed = MistralForCausalLM(
        MistralConfig(
            vocab_size=300,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            sliding_window=4,
        )
    ).eval()
    steps = list(decode(windowed, PROMPTS, ends=frozenset({2}), pad=3, max_new_tokens=2, reading=3))
    assert all(steps)
