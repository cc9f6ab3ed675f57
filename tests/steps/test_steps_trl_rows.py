"""What TRL's trainer is given of a row: its tokens, and which of them are learned, whatever the chat template."""

from __future__ import annotations

import json
import random
import runpy
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.form import form_of
from hf_recipes.engines.trl.rows import Rows
from hf_recipes.engines.trl.tokens import PACKED_AT_ONCE, TrlTokens, bins
from hf_recipes.engines.trl.trainer_files import load_tokenizer
from hf_recipes.inference.chat_template import frame_of, prompt_text, render_chat
from hf_recipes.steps.prepare.inspect import inspect
from hf_recipes.steps.prepare.tokens import Count

TEMPLATES = runpy.run_path(
    str(Path(__file__).resolve().parents[1] / "inference" / "test_inference_chat_template.py")
)["TEMPLATES"]
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + '<|im_end|>' }}{% endif %}{% endfor %}"
)
LAST_ALONE = (
    "{% for m in messages %}{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n' }}"
    "{% if loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{{ m.content + '<|im_end|>\n' }}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n\n</think>\n\n' }}{% endif %}"
)
ENDLESS = "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}"
TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Is it a yes or a no?"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "end"},
    {"role": "assistant", "content": "<b>yes</b>"},
]
CASES = {**TEMPLATES, "Mistral's": MISTRAL, "a block in the last turn alone": LAST_ALONE}


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    return load_tokenizer(str(tiny_llama), {}, trust_remote_code=False)


def rows(tokenizer: Any, train_on: str, limit: int = 2000, *, chat: bool = True, end: bool = True) -> Rows:
    return Rows(tokenizer, "text", train_on, conversations=chat, add_end=end, limit=limit)


def learned(made: Any) -> list[str]:
    return [text for text, is_learned in made.parts if is_learned]


def learned_by_tokens(tokenizer: Any, made: Any) -> str:
    pairs = zip(made.ids, made.trained, strict=True)
    return str(tokenizer.decode([token for token, is_learned in pairs if is_learned]))


@pytest.mark.parametrize("name", CASES)
def test_what_is_learned_is_what_the_model_would_have_to_write(tokenizer, name):
    tokenizer.chat_template = CASES[name]
    talk = TALK[1:] if name == "Mistral's" else TALK
    frame = frame_of(tokenizer)
    made = rows(tokenizer, "assistant").example({"text": talk}, frame)
    text = render_chat(tokenizer, talk, **frame.options)
    assert "".join(part for part, _ in made.parts) == text
    first, last = learned(made)
    assert first.strip().removesuffix("<|im_end|>").strip() in (
        "a",
        "<answer>\na\n</answer>",
        f"a\n{frame.after}",
    )
    assert text.startswith(prompt_text(tokenizer, talk[:-1], frame) + last)
    assert "<b>yes</b>" in last and first.endswith("<|im_end|>") and last.endswith("<|im_end|>")
    assert learned_by_tokens(tokenizer, made) == first + last

    alone = rows(tokenizer, "completion").example({"text": talk}, frame)
    assert learned(alone) == [last] and alone.ids == made.ids
    whole = rows(tokenizer, "all").example({"text": talk}, frame)
    assert all(whole.trained) and whole.ids == made.ids


def test_where_a_template_ends_no_turn_the_last_one_still_ends(tokenizer):
    tokenizer.chat_template = ENDLESS
    made = rows(tokenizer, "assistant").example({"text": TALK}, AnswerFrame())
    assert made.ids[-1] == tokenizer.eos_token_id and made.trained[-1]
    assert [part.strip() for part in learned(made)] == ["a", "<b>yes</b>"]


def test_thoughts_of_earlier_turns_that_a_template_drops_are_not_looked_for(tokenizer):
    tokenizer.chat_template = TEMPLATES["a template that forgets reasoning"]
    talk = [*TALK[:2], {"role": "assistant", "content": "<think>\nIs it\n</think>\n\na"}, *TALK[3:]]
    made = rows(tokenizer, "assistant").example({"text": talk}, frame_of(tokenizer, ("<think>", "</think>")))
    assert [part.strip() for part in learned(made)] == ["a<|im_end|>", "<b>yes</b><|im_end|>"]


def test_plain_text_is_learned_whole_and_ends(tokenizer):
    made = rows(tokenizer, "all", chat=False).example({"text": "snow"}, AnswerFrame())
    assert made.ids[-1] == tokenizer.eos_token_id and all(made.trained)
    assert (
        rows(tokenizer, "all", chat=False, end=False).example({"text": "snow"}, AnswerFrame()).ids
        == made.ids[:-1]
    )


def test_rows_that_lose_all_that_would_be_learned_are_counted_apart(tokenizer):
    tokenizer.chat_template = TEMPLATES["nothing"]
    params = {"chat_template": "tokenizer", "trainer": "sft", "train_on": "assistant", "block_size": 100}
    form = form_of("lm_training", params, ())

    def talk(question: int, answer: int) -> dict[str, Any]:
        turns = (("user", "q" * question), ("assistant", "a" * answer))
        return {"text": [{"role": role, "content": content} for role, content in turns]}

    count = Count(tokenizer, form, TrlTokens(tokenizer, form, params))
    for question, answer in ((20, 10), (20, 100), (200, 10), (30, 10)):
        count.add(talk(question, answer))
    found = count.result()
    assert {trim["code"]: trim["rows"] for trim in found["trims"]} == {"answer-cut": 1, "nothing-learned": 1}
    assert found["cut"] == 2 and found["blocks"] == found["examples"] == 3
    exact = [
        rows(tokenizer, "assistant", 100).example(talk(*pair), AnswerFrame())
        for pair in ((20, 10), (20, 100), (200, 10), (30, 10))
    ]
    total = sum(len(made.trained) for made in exact)
    assert found["trained_share"] == round(sum(sum(made.trained) for made in exact) / total, 4)


@pytest.mark.parametrize("seed", range(5))
def test_best_fit_needs_no_more_blocks_than_first_fit_and_no_fewer_than_the_tokens_fill(seed):
    draw = random.Random(seed)
    lengths = [draw.randint(1, 64) for _ in range(PACKED_AT_ONCE)]
    first: list[int] = []
    for length in lengths:
        place = next((place for place, room in enumerate(first) if room >= length), None)
        if place is None:
            first.append(64 - length)
        else:
            first[place] -= length
    assert -(-sum(lengths) // 64) <= bins(lengths, 64) <= len(first)


@pytest.mark.parametrize("allowed", [False, True])
def test_more_than_a_few_rows_that_do_not_fit_are_a_problem_unless_that_is_said(
    tmp_path: Path, tiny_llama: Path, allowed: bool
) -> None:
    rows = [{"q": "q" * (200 if number < 10 else 20), "a": "a" * 30} for number in range(100)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    turns = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]
    data = {
        "path": str(tmp_path),
        "local": True,
        "train_split": "train",
        "messages": turns,
        "allow_truncation": allowed,
    }
    params = {"trainer": "sft", "chat_template": "tokenizer", "train_on": "assistant", "block_size": 128}
    job = {
        "engine": "trl",
        "engine_module": "hf_recipes.engines.trl",
        "task": "lm_training",
        "base_model": str(tiny_llama),
    }
    answer = inspect({**job, "data": data, "params": params, "examples": 1})
    if allowed:
        (trim,) = answer["tokens"]["trims"]
        assert (trim["code"], trim["rows"]) == ("nothing-learned", 10) and answer["problems"] == []
        assert [is_learned for _, is_learned in answer["examples"][-1]["parts"]][:2] == [False, True]
    else:
        (problem,) = answer["problems"]
        assert problem["code"] == "rows-cut" and "10 of 100" in problem["message"]
        assert "data.allow_truncation: true" in problem["hint"]
