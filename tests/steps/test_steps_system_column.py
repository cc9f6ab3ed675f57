"""A system column beside ready-made messages: joined where the recipe says so, and named where it is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.record.job import job_from
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect
from hf_recipes.steps.prepare.prepare import form_or_fail

PAIR = [{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "2"}]
TOLD = {"role": "system", "content": "Be brief."}


def asked(folder: Path, rows: list[dict], trainer: str = "sft", **data: object) -> dict:
    lines = [json.dumps({**row, "id": number}) for number, row in enumerate(rows)]
    (folder / "train.jsonl").write_text("\n".join(lines))
    return {
        "task": "lm_training",
        "base_model": "nobody-here/no-such-model",
        "data": {"path": str(folder), "local": True, "train_split": "train", **data},
        "params": {
            "trainer": trainer,
            "chat_template": "tokenizer",
            "text_column": "messages",
            "rejected_text_column": "other",
        },
    }


@pytest.mark.parametrize("trainer", ["sft", "reward"])
def test_the_system_turn_is_joined_to_every_conversation(tmp_path, trainer):
    other = [PAIR[0], {"role": "assistant", "content": "3"}]
    row = {"messages": PAIR, "other": other, "system": "Be brief."}
    request = asked(tmp_path, [row], trainer, system_column="system")
    form = form_or_fail(job_from(request))
    record = form.record(row)
    assert record["messages"] == [TOLD, *PAIR]
    assert trainer == "sft" or record["other"] == [TOLD, *other]
    assert form.record({**row, "system": None})["messages"] == PAIR
    assert form.record({**row, "messages": [TOLD, *PAIR], "other": [TOLD, *other]})["messages"] == [
        TOLD,
        *PAIR,
    ]
    assert "system" not in inspect_rows(request)["columns"]["unused"]


def test_two_system_turns_are_a_problem(tmp_path):
    rows = [{"messages": [TOLD, *PAIR], "system": "Be long."}, {"messages": PAIR}]
    request = asked(tmp_path, rows, system_column="system")
    said = [one["message"] for one in inspect_rows(request)["found"]["problems"]]
    assert said == [
        "the messages begin with a system turn, and column 'system' holds another",
        "no column 'system' (data.system_column); the columns are 'messages', 'id'",
    ]


def test_what_is_left_out_is_named(tmp_path):
    named = [
        {**PAIR[0], "name": "Ada"},
        {**PAIR[1], "reasoning_content": "1 + 1", "weight": 1, "tool_calls": None},
    ]
    request = asked(tmp_path, [{"messages": named, "system": "Be brief."}])
    checked, planned = inspect_rows(request), inspect(request)
    assert checked["columns"]["unused"] == ["system", "id"] and checked["columns"]["system"] == "system"
    assert "not used of the data: 'system', 'id'" in planned["notes"]
    for warnings in (checked["found"]["warnings"], planned["warnings"]):
        [told] = [one for one in warnings if one["code"] == "dropped-key"]
        assert (
            told["message"]
            == "column 'messages': 'name', 'reasoning_content' in its messages is not trained on"
        )
