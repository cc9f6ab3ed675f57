"""What a trainer cuts away is counted by its own rule, and told by key; compared with TRL's own code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.data.form import form_of
from hf_recipes.engines.autotrain.tokens import AutoTrainTokens, load_tokenizer
from hf_recipes.engines.autotrain.trimming import rule_for
from hf_recipes.steps.prepare.inspect import inspect
from hf_recipes.steps.prepare.tokens import Count

LIMITS = {"block_size": 48, "max_prompt_length": 20, "max_completion_length": None}
COLUMNS = {"text_column": "chosen", "rejected_text_column": "rejected", "prompt_text_column": "prompt"}


def pair(prompt: int, chosen: int, rejected: int) -> dict[str, str]:
    """The tiny tokenizer makes one token of each letter."""
    return {"prompt": "p" * prompt, "chosen": "c" * chosen, "rejected": "r" * rejected}


ROWS = [
    pair(10, 10, 12),  # whole
    pair(30, 10, 12),  # DPO cuts a prompt that would have had room; ORPO does not
    pair(30, 20, 5),
    pair(15, 60, 5),  # an answer that is too long
    pair(90, 90, 90),
    pair(47, 1, 1),
]


def counted(tiny_llama: Path, trainer: str, params: dict[str, Any]) -> tuple[Count, list[Any]]:
    settled = {"trainer": trainer, **COLUMNS, **params}
    tokenizer, form = load_tokenizer(str(tiny_llama), settled), form_of("lm_training", settled)
    rules = AutoTrainTokens(tokenizer, form, settled)
    count = Count(tokenizer, form, rules)
    return count, [rules.trim(count.lengths(count.texts(row))) for row in ROWS]


@pytest.mark.parametrize("answers", [None, 16])
def test_what_dpo_and_orpo_keep_is_what_trls_own_code_keeps(
    tiny_llama: Path, autotrain_python: str, answers: int | None
) -> None:
    params = {**LIMITS, "max_completion_length": answers}
    limits = {"max_length": 48, "max_prompt_length": 20, "max_completion_length": answers}
    done = subprocess.run(
        [autotrain_python, str(Path(__file__).with_name("trl_side.py"))],
        input=json.dumps({"base": str(tiny_llama), "rows": ROWS, "limits": limits}),
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout)
    for trainer in ("dpo", "orpo"):
        count, ours = counted(tiny_llama, trainer, params)
        assert [one.kept for one in ours] == [chosen + rejected for _, chosen, rejected in theirs[trainer]]
        cut = [any(trim.code == "prompt-cut" for trim in one.trims) for one in ours]
        whole = [count.lengths(count.texts(row))[0] for row in ROWS]
        assert cut == [prompt < before for (prompt, *_), before in zip(theirs[trainer], whole, strict=True)]


def test_a_prompt_over_its_limit_loses_its_beginning_by_default(tiny_llama: Path) -> None:
    """AutoTrain's own default is 128 tokens, and its count said 0."""
    rule = rule_for("lm_training", "dpo", {}, 1024, "params.block_size", 2048)
    assert [(one.code, one.key, one.limit) for one in rule([300, 20, 20]).trims] == [
        ("prompt-cut", "params.max_prompt_length", 128)
    ]
    assert rule([300, 20, 20]).kept == 2 * (128 + 20) and rule([128, 20, 20]).trims == ()
    orpo = rule_for("lm_training", "orpo", {}, 1024, "params.block_size", 2048)
    assert orpo([300, 20, 20]).trims == (), "ORPO cuts only where both do not fit together"
    assert [one.code for one in orpo([1100, 20, 20]).trims] == ["prompt-cut"]
    assert [one.code for one in orpo([1100, 1000, 20]).trims] == ["prompt-cut", "answer-cut"]


def test_reward_leaves_out_what_is_too_long_and_seq2seq_has_two_limits() -> None:
    reward = rule_for("lm_training", "reward", {}, 64, "params.block_size", 512)
    assert [one.code for one in reward([65, 10]).trims] == ["left-out"] and reward([65, 10]).kept == 0
    assert reward([64, 64]).trims == ()
    at_the_limit = rule_for("lm_training", "reward", {}, 512, "params.model_max_length", 512)
    assert [one.code for one in at_the_limit([600, 10]).trims] == ["text-cut"]
    seq2seq = rule_for("seq2seq", "", {"max_target_length": 64}, 16, "params.max_seq_length", 0)
    assert seq2seq([16, 64]).trims == (), "a target has its own limit"
    assert [(one.code, one.key) for one in seq2seq([17, 65]).trims] == [
        ("text-cut", "params.max_seq_length"),
        ("target-cut", "params.max_target_length"),
    ]


def test_plan_counts_the_rows_that_dpo_cuts_by_key(tmp_path: Path, tiny_llama: Path) -> None:
    turns = [
        ({"role": "user", "content": "q" * length}, {"role": "assistant", "content": "yes"})
        for length in (5, 40, 60)
    ]
    rows = [
        {"chosen": [user, answer], "rejected": [user, {**answer, "content": "no"}], "prompt": ""}
        for user, answer in turns
    ]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    params = {"trainer": "dpo", "chat_template": "tokenizer", **COLUMNS, **LIMITS, "block_size": 128}
    data = {"path": str(tmp_path), "local": True, "train_split": "train"}
    asked = {
        "task": "lm_training",
        "base_model": str(tiny_llama),
        "data": data,
        "params": params,
        "examples": 1,
    }
    answer = inspect(asked)
    assert answer["problems"] == []
    tokens = answer["tokens"]
    (trim,) = tokens["trims"]
    assert (tokens["cut"], tokens["examples"]) == (2, 3)
    assert trim == {
        "code": "prompt-cut", "key": "params.max_prompt_length", "limit": 20, "rows": 2, "what": "lose the beginning of their prompt",
    }  # fmt: skip
    # The prompt and each answer as AutoTrain renders them: the prompt once, for both.
    assert answer["examples"][0]["text"].count("qqqqq") == 1


def test_of_what_is_trained_on_the_share_of_answers_is_told(tmp_path: Path, tiny_llama: Path) -> None:
    rows = [{"q": "q" * 20, "a": "a" * 60}] * 30
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    messages = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]
    data = {"path": str(tmp_path), "local": True, "train_split": "train", "messages": messages}
    params = {"trainer": "sft", "block_size": 64, "text_column": "messages", "chat_template": "tokenizer"}
    asked = {"task": "lm_training", "base_model": str(tiny_llama), "data": data, "params": params}
    tokens = inspect(asked)["tokens"]
    assert tokens["answer_share"] == pytest.approx(30 * 60 / tokens["train_total"], abs=1e-4)
    assert 0.4 < tokens["answer_share"] < 0.7
    assert tokens["examples"] == tokens["blocks"] and tokens["kept"] == 64 * tokens["blocks"]
