"""Conversations as other formats write them: read where nothing is lost, and said so by check, plan and run."""

from __future__ import annotations

import json
from pathlib import Path

from hf_recipes.record.job import job_from
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect
from hf_recipes.steps.prepare.prepare import passes_through

SAID = "the messages of 40 rows are read with from and value as role and content, human as user, gpt as assistant"


def asked(folder: Path, base: object = "nobody-here/no-such-model", **data: object) -> dict:
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": {"path": str(folder), "local": True, "train_split": "train", **data},
        "params": {
            "trainer": "sft",
            "chat_template": "tokenizer",
            "block_size": 64,
            "text_column": "conversations",
        },
    }


def forum(folder: Path) -> Path:
    """40 rows in ShareGPT's form."""
    folder.mkdir()
    rows = [
        {
            "conversations": [
                {"from": "human", "value": f"what is {n}?"},
                {"from": "gpt", "value": f"it is {n}"},
            ]
        }
        for n in range(40)
    ]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_sharegpt_is_trained_on_as_role_and_content(tmp_path, tiny_llama, make_run, step):
    data = forum(tmp_path / "data")
    checked = inspect_rows(asked(data, tiny_llama))
    assert checked["found"]["problems"] == [] and SAID in checked["notes"]
    assert not [found for found in checked["found"]["warnings"] if found["code"] == "dropped-key"]
    planned = inspect(asked(data, tiny_llama, test_split=0.25))
    assert planned["problems"] == [] and SAID in planned["notes"]
    run = make_run(**asked(data, tiny_llama, test_split=0.25))
    done, failure = step("prepare", run)
    assert (done.returncode, failure) == (0, {}), done.stderr
    trained = [json.loads(line) for line in (run / "work" / "data" / "train.jsonl").read_text().splitlines()]
    tested = [json.loads(line) for line in (run / "work" / "test.jsonl").read_text().splitlines()]
    assert (len(trained), len(tested)) == (30, 10)
    assert all([set(turn) for turn in row["conversations"]] == [{"role", "content"}] * 2 for row in trained)
    assert {row["messages"][0]["role"] for row in tested} == {"user"}
    assert SAID in json.loads((run / "work" / "prepared.json").read_text())["notes"]


def test_conversations_on_the_hub_are_not_left_to_the_trainer():
    """It would read them in one form alone."""
    found = {**asked(Path("someone/some-data")), "data": {"path": "someone/some-data", "local": False}}
    assert not passes_through(job_from(found))
    found["params"]["chat_template"] = None
    assert passes_through(job_from(found))
