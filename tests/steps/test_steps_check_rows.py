"""What `check` reads: real files with each fault, found at its line, and what is said where there is none."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest

from hf_recipes.steps.prepare.check_rows import inspect_rows

MESSAGES = [
    {"role": "system", "content": "Answer."},
    {"role": "user", "content": "Question: {q}"},
    {"role": "assistant", "content": "{a}"},
]
TOKEN = "hf_" + "a1B2c3D4e5" * 3


def request(path: Path | str, base: Path | str = "nobody-here/no-such-model", **more) -> dict:
    data = {"path": str(path), "local": True, "train_split": "train", **more.pop("data", {})}
    params = {"trainer": "sft", "text_column": "text", "chat_template": "tokenizer", "block_size": 64}
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": data,
        "params": {**params, **more.pop("params", {})},
        **more,
    }


def question(row: int) -> str:
    draw = random.Random(row)
    return " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(12))


def rows(count: int, start: int = 0) -> list[dict]:
    return [{"q": question(row), "a": f"answer {row}"} for row in range(start, start + count)]


def write(folder: Path, split: str, values: list) -> Path:
    lines = (value if isinstance(value, str) else json.dumps(value) for value in values)
    (folder / f"{split}.jsonl").write_text("".join(line + "\n" for line in lines), "utf-8")
    return folder


def chat(*turns: tuple[str, object]) -> dict:
    return {"text": [{"role": role, "content": content} for role, content in turns]}


def places(found: list[dict], code: str) -> list[int]:
    return [one["line"] for one in found if one["code"] == code]


def test_data_without_fault(tmp_path, tiny_llama):
    write(tmp_path, "train", rows(40))
    write(tmp_path, "test", rows(10, start=100))
    answer = inspect_rows(request(tmp_path, tiny_llama, data={"messages": MESSAGES, "test_split": "test"}))
    assert answer["found"] == {"problems": [], "warnings": [], "totals": {}}
    assert answer["unread"] == {}
    assert {part: (one["rows"], one["broken"]) for part, one in answer["splits"].items()} == {
        "train": (40, 0),
        "test": (10, 0),
    }
    assert answer["columns"] == {"all": ["q", "a"], "used": ["q", "a"], "system": None, "unused": []}
    assert list(tmp_path.iterdir()) and {one.name for one in tmp_path.iterdir()} == {
        "train.jsonl",
        "test.jsonl",
    }


def test_each_broken_row_is_named_by_its_line(tmp_path):
    write(
        tmp_path,
        "train",
        [
            chat(("user", "q"), ("assistant", "a")),
            chat(("assistant", "a"), ("user", "q")),
            chat(("user", "q"), ("user", "q"), ("assistant", "a")),
            chat(("user", "q"), ("assistant", "  ")),
            chat(("user", "q")),
            '{"text": [',
            {"other": 1},
            chat(("user", "second q"), ("assistant", "a")),
        ],
    )
    answer = inspect_rows(request(tmp_path))
    assert answer["splits"]["train"]["rows"] == 2 and answer["splits"]["train"]["broken"] == 6
    problems = answer["found"]["problems"]
    expected = {
        2: "no assistant's turn at the end: the last message is the user's",
        3: "message 2 is the user's where the assistant's turn is due",
        4: "the assistant's turn is empty (message 2)",
        5: "no assistant's turn at the end: the last message is the user's",
        6: "not JSON: Expecting value",
        7: "no column 'text' (text_column); the columns are 'other'",
    }
    assert [one["line"] for one in problems] == list(expected)
    assert all(expected[one["line"]] in one["message"] for one in problems)
    assert answer["found"]["totals"] == {"bad-row": 5, "not-json": 1}
    assert {one["file"] for one in problems} == {str(tmp_path / "train.jsonl")}


def test_a_broken_csv_is_a_problem_and_the_other_split_is_still_read(tmp_path):
    (tmp_path / "train.csv").write_text('q,a\n1,2\n"3,4\n')
    (tmp_path / "test.csv").write_text("q,a\n1,2\n1,2,3\n")
    answer = inspect_rows(request(tmp_path, data={"messages": MESSAGES, "test_split": "test"}))
    assert answer["found"]["totals"]["not-csv"] == 2
    assert answer["splits"]["test"]["rows"] == 1


def test_doubles_and_leaks(tmp_path):
    near = question(3)[:-6] + "zzzzzz"
    write(
        tmp_path, "train", [*rows(30), rows(1)[0], {"q": question(1), "a": "another"}, {"q": near, "a": "x"}]
    )
    spoilt = question(5)[:-6] + "zzzzzz"
    write(tmp_path, "test", [*rows(5, start=100), {"q": question(2), "a": "?"}, {"q": spoilt, "a": "?"}])
    answer = inspect_rows(request(tmp_path, data={"messages": MESSAGES, "test_split": "test"}))
    warnings = answer["found"]["warnings"]
    assert answer["found"]["problems"] == []
    assert places(warnings, "duplicate") == [31]
    assert places(warnings, "other-answer") == [32]
    assert places(warnings, "near-duplicate") == [33]
    assert places(warnings, "test-row-in-train") == [6]
    assert places(warnings, "test-row-near-train") == [7]
    leak = next(one for one in warnings if one["code"] == "test-row-in-train")
    assert leak["file"].endswith("test.jsonl") and leak["message"].endswith("train.jsonl:3")


def test_the_fixed_words_of_a_template_make_no_rows_alike(tmp_path):
    long = [{"role": "user", "content": "word " * 500 + "{q}"}, MESSAGES[-1]]
    answer = inspect_rows(request(write(tmp_path, "train", rows(30)), data={"messages": long}))
    assert answer["found"]["warnings"] == []


def test_rows_held_out_by_a_fraction_are_those_that_a_run_holds_out(tmp_path):
    from hf_recipes.data.form import form_of
    from hf_recipes.record.job import job_from
    from hf_recipes.steps.prepare.convert import convert

    asked = request(
        write(tmp_path, "train", [*rows(40), *rows(40)]), data={"messages": MESSAGES, "test_split": 0.25}
    )
    answer = inspect_rows(asked)
    of_run = job_from(asked)
    out = tmp_path / "out"
    converted = convert(of_run, form_of(of_run.task, of_run.params, of_run.data.messages), out)
    assert (answer["splits"]["train"]["rows"], answer["splits"]["test"]["rows"]) == (60, 20)
    held = [json.loads(line)["row"] + 1 for line in (out / "test.jsonl").read_text().splitlines()]
    leaked = places(answer["found"]["warnings"], "test-row-in-train")
    assert leaked and set(leaked) <= set(held)
    assert answer["doubles"]["test-row-in-train"] == converted.rows["duplicates"]


def test_secrets_and_addresses_are_placed_and_never_repeated(tmp_path):
    values = rows(5)
    values[1]["a"] = f"use {TOKEN}"
    values[2]["note"] = "ada@engine.org"
    values[3] = {"q": "", "a": TOKEN}  # a broken row's message may repeat a piece of it
    values.append({"text": TOKEN})
    answer = inspect_rows(request(write(tmp_path, "train", values), data={"messages": MESSAGES}))
    assert places(answer["found"]["problems"], "secret") == [2, 4, 6]
    assert places(answer["found"]["warnings"], "email-address") == [3]
    assert answer["sensitive"] == {"secret": 3, "email-address": 1}
    text = json.dumps(answer)
    assert TOKEN not in text and "ada@" not in text


def test_a_label_that_is_a_secret_is_not_repeated(tmp_path):
    with (tmp_path / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "target"], *([question(row), TOKEN] for row in range(6))])
    answer = inspect_rows(request(tmp_path, task="text_multi_class_classification"))
    assert TOKEN not in json.dumps(answer) and answer["labels"]["train"] == {"***": 6}


def test_lengths_are_the_trainers_tokens_and_rows_over_the_block_are_counted(tmp_path, tiny_llama):
    from hf_recipes.steps.prepare.inspect import inspect

    asked = request(
        write(tmp_path, "train", [{"q": "1", "a": "1" * row} for row in range(1, 61)]), tiny_llama,
        data={"messages": MESSAGES},
    )  # fmt: skip
    tokens, planned = inspect_rows(asked)["tokens"], inspect(asked)["tokens"]
    assert (tokens["total"], tokens["mean"], tokens["max"], tokens["cut"], tokens["limit"]) == (
        planned["train_total"], planned["mean"], planned["max"], planned["cut"], planned["limit"],
    )  # fmt: skip
    assert 0 < tokens["cut"] < 60 and tokens["limited_by"] == "params.block_size"
    assert sum(one["rows"] for one in tokens["histogram"]) == tokens["rows"] == 60


def test_what_cannot_be_had_is_named(tmp_path):
    answer = inspect_rows(request(write(tmp_path, "train", rows(5)), data={"messages": MESSAGES}))
    assert answer["tokens"] == {} and answer["unread"]["tokens"].startswith("nobody-here/no-such-model: ")
    answer = inspect_rows(request("nobody-here/no-such-data", data={"local": False}))
    assert "the Hub cannot be reached" in answer["unread"]["data"]
    assert answer["found"]["problems"] == [] and answer["splits"] == {}
    answer = inspect_rows(request(tmp_path, task="image_multi_class_classification"))
    assert answer["left_to_trainer"] and answer["unread"] == {"data": "images are left to the trainer"}


def test_rows_of_a_data_set_are_named_by_its_split_and_their_number(tmp_path):
    """As one of the Hub, which its README describes: read by the same library."""
    header = "configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: rows.jsonl\n"
    (tmp_path / "README.md").write_text(f"---\n{header}---\n")
    values = rows(10)
    values[4]["a"] = ""
    write(tmp_path, "rows", [*values, values[2]])
    answer = inspect_rows(request(tmp_path, data={"messages": MESSAGES}))
    assert [(one["file"], one["line"]) for one in answer["found"]["problems"]] == [(f"{tmp_path} (train)", 5)]
    assert places(answer["found"]["warnings"], "duplicate") == [11]
    assert answer["splits"]["train"] == {"from": f"{tmp_path} (train)", "rows": 10, "broken": 1}


def test_few_answers_are_counted_as_labels(tmp_path):
    values = [{"q": question(row), "a": "ab"[row % 10 == 0]} for row in range(100)]
    assert inspect_rows(request(write(tmp_path, "train", values), data={"messages": MESSAGES}))["labels"][
        "train"
    ] == {
        "a": 90,
        "b": 10,
    }


def test_test_rows_that_a_metric_of_the_recipe_cannot_measure(tmp_path):
    write(tmp_path, "train", [{"q": question(row), "a": "none"} for row in range(60)])
    write(
        tmp_path,
        "test",
        [{"q": question(row), "a": "none" if row == 102 else "7"} for row in range(100, 104)],
    )
    metrics = [{"name": "exact_match", "options": {}}, {"name": "number_match", "options": {}}]
    answer = inspect_rows(
        request(
            tmp_path,
            data={"messages": MESSAGES, "test_split": "test"},
            evaluate={"metrics": metrics, "baselines": ["zero-shot"]},
        )
    )
    [problem] = [one for one in answer["found"]["problems"] if one["code"] == "unmeasurable"]
    assert problem["file"].endswith("test.jsonl") and problem["line"] == 3
    assert problem["message"] == "can't be measured by number_match: its expected answer holds no number"
    assert (answer["splits"]["test"]["rows"], answer["splits"]["test"]["broken"]) == (4, 0)


def test_an_answer_that_is_no_json_among_many_that_are(tmp_path):
    values = [{"q": question(row), "a": json.dumps({"n": row})} for row in range(30)]
    values[7]["a"] = '{"n": 7'
    found = inspect_rows(request(write(tmp_path, "train", values), data={"messages": MESSAGES}))["found"]
    assert places(found["warnings"], "answer-not-json") == [8]


@pytest.mark.parametrize(
    ("task", "params", "row", "labels"),
    [
        ("lm_training", {"trainer": "default", "chat_template": None}, lambda n: {"text": question(n)}, {}),
        (
            "lm_training",
            {"trainer": "dpo", "chat_template": None},
            lambda n: {"prompt": question(n), "text": "good", "rejected": "bad"},
            {},
        ),
        (
            "text_multi_class_classification",
            {},
            lambda n: {"text": question(n), "target": n % 2},
            {"0": 5, "1": 5},
        ),
        ("text_single_column_regression", {}, lambda n: {"text": question(n), "target": n / 7}, {}),
        (
            "text_token_classification",
            {},
            lambda n: {"tokens": question(n).split(), "tags": ["O"] * 12},
            {"O": 120},
        ),
        ("seq2seq", {}, lambda n: {"text": question(n), "target": "same"}, {"same": 10}),
        (
            "text_extractive_question_answering",
            {},
            lambda n: {
                "context": question(n),
                "question": "?",
                "answers": {"text": [question(n)[:4]], "answer_start": [0]},
            },
            {},
        ),
        (
            "sentence_transformers",
            {"trainer": "pair_score"},
            lambda n: {"sentence1": question(n), "sentence2": question(n + 500), "target": 0.5},
            {},
        ),
        (
            "tabular",
            {"task": "classification", "id_column": "id", "target_columns": ["target"]},
            lambda n: {"id": n, "x": n, "target": "yn"[n % 2]},
            {"y": 5, "n": 5},
        ),
    ],
)
def test_every_task_whose_rows_are_read(tmp_path, tiny_bert, tiny_llama, task, params, row, labels):
    values = [row(number) for number in range(10)]
    repeated = {**values[0], "id": 99} if task == "tabular" else values[0]
    base = tiny_llama if task == "lm_training" else tiny_bert
    asked = request(write(tmp_path, "train", [*values, repeated]), base, task=task)
    asked["params"] = {"max_seq_length": 128, **params}
    answer = inspect_rows(asked)
    assert answer["found"]["problems"] == [] and answer["unread"] == {}
    assert places(answer["found"]["warnings"], "duplicate") == [11]
    assert answer["splits"]["train"]["rows"] == 11
    found = answer["labels"]["train"]
    assert set(found) == set(labels) and all(found[label] >= rows for label, rows in labels.items())
    assert bool(answer["tokens"]) == (task != "tabular")
