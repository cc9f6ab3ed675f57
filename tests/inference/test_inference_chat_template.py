"""What a chat template writes around answers stands in the prompt, so that a model says the answer and nothing else."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.inference.chat_template import TemplateRefused, frame_of, prompt_text, render_chat, text_ids
from hf_recipes.inference.likelihood import reference_nll
from hf_recipes.inference.pair import load_base
from hf_recipes.inference.sides import answer_and_reasoning

ASK = [{"role": "user", "content": "Is ice warm?"}]
HEAD = "<|im_start|>assistant\n"


def template(before: str = "", after: str = "", prompt: str = HEAD, head: str = HEAD) -> str:
    """Writes `before` and `after` around every answer; `prompt` is its generation prompt."""
    return (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ "
        f"{head + before!r} + m.content + {after!r} + '<|im_end|>\n'"
        " }}{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
        f"{{% if add_generation_prompt %}}{{{{ {prompt!r} }}}}{{% endif %}}"
    )


QWEN = (
    "{% for m in messages %}{% set c = m.content.split('</think>')[-1].lstrip('\n') %}"
    "{% set r = m.content.split('</think>')[0].split('<think>')[-1].strip('\n') if '</think>' in m.content else '' %}"
    "{% if m.role == 'assistant' %}{{ '<|im_start|>assistant\n<think>\n' + r + '\n</think>\n\n' + c + '<|im_end|>\n' }}"
    "{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
MODES = (
    "{% set thinks = enable_thinking if enable_thinking is defined else true %}"
    "{{ '<|im_start|>system\n/' + ('think' if thinks else 'no_think') + '<|im_end|>\n' }}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + ('<think></think>' if m.role == 'assistant' and not thinks else '')"
    " + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' + ('' if thinks else '<think></think>') }}{% endif %}"
)
FORGETS = "{% for m in messages %}{{ m.role + ':' + m.content.split('</think>')[-1] + '<|im_end|>' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:<think>\n' }}{% endif %}"
TEMPLATES = {
    "nothing": template(),
    "an empty block": template("<think>\n\n</think>\n\n"),
    "a closing mark alone": template("</think>\n"),
    "a channel": template("<|channel|>final<|message|>"),
    "an opening mark in the generation prompt": template(prompt=HEAD + "<think>\n"),
    "an opened block in the prompt, a closed one in training": template("</think>", prompt=HEAD + "<think>"),
    "around": template("<answer>\n", "\n</answer>"),
    "no generation prompt": template(prompt=""),
    "a switch": QWEN,
    "a switch that changes more": MODES,
    "a template that forgets reasoning": FORGETS,
}


@pytest.fixture(scope="module")
def tokenizer(tiny_llama: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_llama)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("before", [[], [{"role": "system", "content": "Answer."}]])
def test_a_model_is_asked_with_what_stands_before_an_answer_in_training(tokenizer, name, before):
    tokenizer.chat_template = TEMPLATES[name]
    frame = frame_of(tokenizer)
    prompt = prompt_text(tokenizer, [*before, *ASK], frame)
    trained = render_chat(
        tokenizer, [*before, *ASK, {"role": "assistant", "content": "cold"}], **frame.options
    )
    assert trained.startswith(prompt + "cold"), (prompt, trained)
    assert bool(list(frame.told())) == (name != "nothing")


def test_what_the_template_knows_a_switch_for_is_switched_off(tokenizer):
    tokenizer.chat_template = QWEN
    assert frame_of(tokenizer).options == {"enable_thinking": False}
    assert frame_of(tokenizer).before == "<think>\n\n</think>\n\n"


def test_where_answers_reason_the_model_is_asked_to_reason(tokenizer):
    marks = ("<think>", "</think>")
    for chat_template in (QWEN, template()):
        tokenizer.chat_template = chat_template
        frame = frame_of(tokenizer, marks)
        prompt = prompt_text(tokenizer, ASK, frame)
        content = "<think>\nIce.\n</think>\n\ncold"
        trained = render_chat(tokenizer, [*ASK, {"role": "assistant", "content": content}], **frame.options)
        assert trained.startswith(prompt) and "</think>" not in prompt
        assert "Ice." in trained[len(prompt) :]
    tokenizer.chat_template = FORGETS  # reasoning is in no training text, so none is asked for
    assert prompt_text(tokenizer, ASK, frame_of(tokenizer, marks)).rstrip().endswith("assistant:")


def test_a_space_before_an_answer_is_left_to_the_answer(tokenizer):
    tokenizer.chat_template = "{% for m in messages %}{{ '[INST] ' + m.content + ' [/INST]' if m.role == 'user' else ' ' + m.content }}{% endfor %}"
    assert prompt_text(tokenizer, ASK, frame_of(tokenizer)) == "[INST] Is ice warm? [/INST]"


def test_the_base_is_asked_so_and_its_reasoning_is_kept_apart(tiny_llama: Path, tmp_path: Path):
    base = tmp_path / "base"
    shutil.copytree(tiny_llama, base)
    config = json.loads((base / "tokenizer_config.json").read_text())
    config["chat_template"] = template("<think>\n\n</think>\n\n", "</a>")
    (base / "tokenizer_config.json").write_text(json.dumps(config))
    (base / "chat_template.jinja").unlink(missing_ok=True)
    pair = load_base(str(base))
    side = pair.side("base")
    whole = render_chat(side.tokenizer, [*ASK, {"role": "assistant", "content": "cold"}])
    assert pair.count(ASK) == len(text_ids(side.tokenizer, whole[: whole.rindex("cold")]))
    for generated, answer, reasoning in (
        ("cold</a>", "cold", ""),
        ("<think>Ice.</think>cold</a>", "cold", "<think>Ice.</think>"),
        ("<think>Ice", "", "<think>Ice"),
    ):
        found = answer_and_reasoning(side, text_ids(side.tokenizer, generated + "<|im_end|>"))
        assert (found.answer, found.reasoning) == (answer, reasoning)
    # What is counted is the answer behind the reasoning, which is given.
    [(_, plain)] = reference_nll(pair, [ASK], ["cold"], model="base")
    [(_, reasoned)] = reference_nll(pair, [ASK], ["cold"], model="base", reasonings=["<think>Ice.</think>"])
    assert plain == reasoned == len(text_ids(side.tokenizer, "cold</a><|im_end|>"))


def test_marks_that_are_special_tokens_are_seen(tiny_llama: Path):
    pair = load_base(str(tiny_llama))
    side = pair.side("base")
    side.tokenizer.add_special_tokens({"additional_special_tokens": ["[THINK]", "[/THINK]"]})
    found = answer_and_reasoning(side, text_ids(side.tokenizer, "[THINK]Ice.[/THINK]cold<|im_end|>"))
    assert (found.answer, found.reasoning) == ("cold", "[THINK]Ice.[/THINK]")
    tuned = dataclasses.replace(side, ends=frozenset())
    assert answer_and_reasoning(tuned, text_ids(side.tokenizer, "cold<|im_end|>")).answer == "cold"


@pytest.mark.parametrize(
    ("chat_template", "words"),
    [
        ("{{ raise_exception('System role not supported') }}", "System role not supported"),
        ("{% for m in messages %}{{ m.content + 1 }}{% endfor %}", "TypeError"),
        ("{{ messages.nothing.at_all }}", "UndefinedError"),
    ],
)
def test_what_a_template_refuses_is_its_own_words(tokenizer, chat_template, words):
    tokenizer.chat_template = chat_template
    with pytest.raises(TemplateRefused, match=words):
        render_chat(tokenizer, ASK)
    assert frame_of(tokenizer).told  # a plain one: the rule about rows says what is refused
