"""Of very many rows not all are cut into tokens; what is said of them holds all the same."""

from __future__ import annotations

import json
import random

import pytest

from hf_recipes.api.check_data import Quality
from hf_recipes.cli.check import quality_lines
from hf_recipes.data.form import form_of
from hf_recipes.engines.autotrain.tokens import AutoTrainTokens, load_tokenizer
from hf_recipes.steps.prepare import row_tokens
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.row_tokens import RowTokens

ROWS = 6000


@pytest.fixture(scope="module")
def records():
    """Short rows, getting longer as sorted files do, and every 500th as long as may be too long."""
    draw = random.Random(0)
    return [
        {
            "text": [
                {"role": "user", "content": "q" * draw.randint(10, 20 + row // 100)},
                {"role": "assistant", "content": "ä" * (draw.randint(200, 400) if row % 500 == 499 else 8)},
            ]
        }
        for row in range(ROWS)
    ]


@pytest.mark.parametrize("trainer", ["sft", "reward"])
def test_an_estimate_is_near_and_every_row_that_is_too_long_is_counted(
    trainer, records, tiny_llama, monkeypatch
):
    if trainer == "reward":
        records = [{"chosen": one["text"], "rejected": one["text"]} for one in records]
        columns = {"text_column": "chosen", "rejected_text_column": "rejected"}
    else:
        columns = {"text_column": "text"}
    params = {"trainer": trainer, "chat_template": "tokenizer", "block_size": 300, **columns}
    form = form_of("lm_training", params, ())
    tokenizer = load_tokenizer(str(tiny_llama), params)

    def counted(exact: int) -> dict:
        monkeypatch.setattr(row_tokens, "EXACT", exact)
        tokens = RowTokens(tokenizer, form, AutoTrainTokens(tokenizer, form, params))
        for record in records:
            tokens.add(record)
        return tokens.result()

    whole, some = counted(ROWS), counted(500)
    assert whole["counted"] == whole["rows"] == some["rows"] == ROWS
    assert some["counted"] < 1500
    for key in ("cut", "trims", "max", "limit"):
        assert some[key] == whole[key], key
    assert whole["cut"] > 0
    for key in ("total", "mean", "median", "p95"):
        assert some[key] == pytest.approx(whole[key], rel=0.05), key
    assert sum(one["rows"] for one in some["histogram"]) == pytest.approx(ROWS, abs=row_tokens.ONE_IN)


def test_check_says_that_it_estimates(records, tiny_llama, tmp_path, monkeypatch):
    monkeypatch.setattr(row_tokens, "EXACT", 500)
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    found = inspect_rows(
        {
            "task": "lm_training",
            "base_model": str(tiny_llama),
            "data": {"path": str(tmp_path), "local": True, "train_split": "train"},
            "params": {"trainer": "sft", "chat_template": "tokenizer", "text_column": "text"},
        }
    )
    tokens = found["tokens"]
    assert tokens["counted"] < tokens["rows"] == ROWS
    said = "\n".join(quality_lines(Quality(tmp_path, "lm_training", "base", found, None, [], [], {})))
    assert f"counted in {tokens['counted']:,} of 6,000 rows" in said
    assert f"about {tokens['total']:,} in all" in said
