"""data.skip_broken: broken rows are left out, counted and named by every step, and nothing else is; off by default."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hf_recipes.evaluation import findings
from hf_recipes.evaluation.build import skipped_rows
from hf_recipes.record.job import job_from
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect
from hf_recipes.steps.prepare.prepare import passes_through

MESSAGES = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]
HINT = "data.skip_broken: true leaves such rows out"


def asked(folder: Path, base: object = "nobody-here/no-such-model", **more: object) -> dict:
    metrics = more.pop("metrics", None)
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": {"path": str(folder), "local": True, "train_split": "train", "messages": MESSAGES, **more},
        "params": {"trainer": "sft", "chat_template": "tokenizer", "block_size": 64},
        "evaluate": {"metrics": metrics, "baselines": ["zero-shot"]} if metrics else None,
    }


def written(folder: Path, name: str, broken: dict[int, str], count: int = 40) -> Path:
    """Row n of count is question n, but for the lines that `broken` names (from 1)."""
    lines = [json.dumps({"q": f"{name} {n}", "a": f"answer {n}"}) for n in range(count)]
    for line, text in broken.items():
        lines[line - 1] = text
    (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


EMPTY = json.dumps({"q": "q", "a": " "})
THREE = {8: EMPTY, 9: '{"q": "q", "a"', 12: json.dumps({"q": "q"})}


def test_a_broken_row_stops_everything_and_names_the_key(tmp_path):
    written(tmp_path, "train", THREE)
    for problems in (
        inspect_rows(asked(tmp_path))["found"]["problems"],
        inspect(asked(tmp_path))["problems"],
    ):
        assert [one["line"] for one in problems] == [9, 8, 12] or [one["line"] for one in problems] == [
            8,
            9,
            12,
        ]
        assert [one["hint"] for one in problems] == [HINT, "", ""]


@pytest.mark.parametrize("skip", [True, 3, 40])
def test_broken_rows_are_left_out_counted_and_named(tmp_path, skip):
    written(tmp_path, "train", THREE)
    written(tmp_path, "test", {2: EMPTY}, count=10)
    request = asked(tmp_path, test_split="test", skip_broken=4 if skip == 3 else skip)
    checked = inspect_rows(request)
    assert checked["found"]["problems"] == []
    assert checked["splits"]["train"]["rows"] == 37 and checked["splits"]["train"]["broken"] == 3
    assert checked["splits"]["test"]["rows"] == 9 and checked["splits"]["test"]["broken"] == 1
    planned = inspect(request)
    assert planned["problems"] == [] and planned["rows"]["train"] == 37 and planned["rows"]["test"] == 9
    assert planned["notes"] == [
        "3 broken rows of train left out (data.skip_broken)",
        "1 broken row of test left out (data.skip_broken)",
    ]
    for warnings, totals in (
        (checked["found"]["warnings"], checked["found"]["totals"]),
        (planned["warnings"], planned["totals"]),
    ):
        told = [one for one in warnings if one["code"] == "left-out"]
        assert sorted((Path(one["file"]).name, one["line"]) for one in told) == [
            ("test.jsonl", 2),
            ("train.jsonl", 8),
            ("train.jsonl", 9),
            ("train.jsonl", 12),
        ]
        assert totals["left-out"] == 4
        assert any(one["message"] == "left out: the assistant's turn is empty (message 2)" for one in told)


def test_more_than_are_allowed_are_a_problem(tmp_path):
    written(tmp_path, "train", THREE)
    request = asked(tmp_path, skip_broken=2)
    for problems in (inspect_rows(request)["found"]["problems"], inspect(request)["problems"]):
        assert (
            problems[0]["message"] == "3 rows are broken, and data.skip_broken allows 2"
            and len(problems) == 4
        )


def test_a_mistake_of_the_recipe_is_no_broken_row(tmp_path):
    written(tmp_path, "train", {})
    request = asked(tmp_path, skip_broken=True)
    request["data"]["messages"] = [MESSAGES[0], {"role": "assistant", "content": "{anser}"}]
    for problems in (inspect_rows(request)["found"]["problems"], inspect(request)["problems"]):
        assert [one["message"] for one in problems] == ["no column 'anser'; the columns are 'q', 'a'"]
        assert problems[0]["hint"] == "", "leaving all rows out is no way on"


def test_test_rows_that_a_metric_cannot_measure_are_left_out_too(tmp_path):
    written(tmp_path, "train", {})
    written(tmp_path, "test", {3: json.dumps({"q": "how many?", "a": "several"})}, count=10)
    request = asked(tmp_path, test_split="test", metrics=[{"name": "number_match"}])
    assert [one["line"] for one in inspect_rows(request)["found"]["problems"]] == [3]
    assert len(inspect(request)["problems"]) == 1
    request["data"]["skip_broken"] = True
    assert (
        inspect_rows(request)["found"]["problems"] == []
        and inspect_rows(request)["splits"]["test"]["rows"] == 9
    )
    planned = inspect(request)
    assert planned["problems"] == [] and planned["rows"] == {"train": 40, "validation": 0, "test": 9}
    request["evaluate"]["metrics"] = [{"name": "json_f1"}]
    assert all("no JSON object" in one["message"] for one in inspect(request)["problems"])
    assert len(inspect(request)["problems"]) == 10, "of no row is left, the metric is wrong"


def test_a_run_says_what_was_left_out_where_its_numbers_stand(tmp_path, tiny_llama, make_run, step):
    folder = tmp_path / "data"
    folder.mkdir()
    written(folder, "train", THREE)
    run = make_run(**asked(folder, tiny_llama, skip_broken=True, test_split=0.25))
    done, failure = step("prepare", run)
    assert (done.returncode, failure) == (0, {})
    prepared = json.loads((run / "work" / "prepared.json").read_text())
    assert prepared["rows"]["train"] + prepared["rows"]["test"] == 37
    rows = [
        json.loads(line)
        for name in ("test", "data/train")
        for line in (run / "work" / f"{name}.jsonl").read_text().splitlines()
    ]
    assert len(rows) == 37 and "answer 7" not in str(rows)
    assert skipped_rows(run) == prepared["skipped"]
    assert findings.notes({"methods": {}, "skipped": prepared["skipped"]}) == [
        (
            "Broken rows that were left out (data.skip_broken): 3 of train: train.jsonl:8: the assistant's turn is empty "
            "(message 2); train.jsonl:9: not JSON: Expecting ':' delimiter; train.jsonl:12: no column 'a'; the columns are 'q'."
        )
    ]


@pytest.mark.parametrize("chosen", [{"limit": 5}, {"skip_broken": True}])
def test_hub_data_of_which_rows_are_chosen_is_not_left_to_the_trainer(chosen):
    found = {
        "task": "text_multi_class_classification",
        "base_model": "x",
        "params": {},
        "data": {"path": "someone/some-data", "local": False, "train_split": "train"},
    }
    assert passes_through(job_from(found))
    found["data"] |= chosen
    assert not passes_through(job_from(found))
