"""What `plan` asks: statistics, examples as the model sees them, and what could not be read; and the export."""

from __future__ import annotations

import json
from pathlib import Path

from hf_recipes.record.job import job_from
from hf_recipes.steps.prepare.export import export_data
from hf_recipes.steps.prepare.inspect import inspect

MESSAGES = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]


def request(path: Path | str, base: Path | str, *, local: bool = True, **more) -> dict:
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": {
            "path": str(path),
            "local": local,
            "train_split": "train",
            "messages": MESSAGES,
            "test_split": 0.25,
        },
        "params": {"trainer": "sft", "text_column": "text", "chat_template": "tokenizer", "block_size": 24},
        "evaluate": None,
        "examples": 2,
        **more,
    }


def numbers(folder: Path) -> Path:
    rows = [{"q": f"{row}", "a": "1" * row} for row in range(1, 21)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_examples_are_shown_as_the_model_will_see_them(tmp_path, tiny_llama):
    answer = inspect(request(numbers(tmp_path), tiny_llama))
    assert (answer["problems"], answer["unread"]) == ([], {})
    assert answer["rows"] == {"train": 15, "validation": 0, "test": 5}
    assert answer["columns"] == ["q", "a"]
    assert answer["base_parameters"] > 10_000
    assert len(answer["examples"]) == 2
    first = answer["examples"][0]
    question = first["text"].split("user\n")[1].split("<")[0]
    assert first["text"] == (
        f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{'1' * int(question)}<|im_end|>\n"
    )
    assert first["tokens"] > len("user\n" + "assistant\n")
    assert first["cut"] == (first["tokens"] > 24)
    assert answer["tokens"]["cut"] > 0
    assert list(tmp_path.iterdir()) == [tmp_path / "train.jsonl"]  # looking leaves nothing behind


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(tmp_path):
    answer = inspect(request(numbers(tmp_path), "nobody-here/no-such-model"))
    assert answer["rows"]["train"] == 15
    assert answer["unread"]["tokens"].startswith("nobody-here/no-such-model: ")
    assert "base_parameters" not in answer
    answer = inspect(request("nobody-here/no-such-data", "nobody-here/no-such-model", local=False))
    assert "the Hub cannot be reached" in answer["unread"]["data"]
    assert (answer["problems"], answer["rows"]) == ([], {})


def test_problems_of_the_data_come_with_their_places(tmp_path, tiny_llama):
    with (numbers(tmp_path) / "train.jsonl").open("a") as file:
        file.write('{"q": "x"\n{"q": "x"}\n')
    problems = inspect(request(tmp_path, tiny_llama))["problems"]
    assert [(one["line"], one["code"]) for one in problems] == [(21, "not-json"), (22, "bad-row")]
    assert {one["file"] for one in problems} == {str(tmp_path / "train.jsonl")}


def test_a_column_that_no_row_has_is_one_problem(tmp_path, tiny_llama):
    asked = request(numbers(tmp_path), tiny_llama)
    asked["data"]["messages"] = [{**MESSAGES[0], "content": "{question}"}, MESSAGES[1]]
    answer = inspect(asked)
    assert [one["message"] for one in answer["problems"]] == [
        "no column 'question'; the columns are 'q', 'a'"
    ]
    assert answer["notes"] == ["20 problems in all, 1 listed"]


def test_a_plan_says_what_would_end_the_run(tmp_path, tiny_llama):
    asked = request(numbers(tmp_path), tiny_llama)
    asked["params"]["block_size"] = 2000
    assert [one["code"] for one in inspect(asked)["problems"]] == ["too-little-data"]


def test_each_of_autotrains_templates_renders_as_autotrain_renders_it(tmp_path, tiny_llama):
    """The texts below were taken from AutoTrain 0.8.36's own templates."""
    chat = [
        {"role": "system", "content": "S"},
        *({"role": m["role"], "content": m["role"][0]} for m in MESSAGES),
    ]
    (tmp_path / "train.jsonl").write_text(
        json.dumps({"text": chat}) + "\n" + json.dumps({"text": chat}) + "\n"
    )
    expected = {
        "chatml": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n",
        "zephyr": "<|system|>\nS</s>\n<|user|>\nu</s>\n<|assistant|>\na</s>\n",
    }
    for template, text in expected.items():
        asked = request(tmp_path, tiny_llama)
        asked["data"].update(messages=[], test_split=None)
        asked["params"]["chat_template"] = template
        assert inspect(asked)["examples"][0]["text"] == text


def test_the_export_is_what_autotrain_reads(tmp_path, tiny_llama):
    data, out = tmp_path / "in", tmp_path / "out"
    data.mkdir()
    answer = export_data(job_from(request(numbers(data), tiny_llama)), out)
    assert answer["rows"] == {"train": 15, "validation": 0, "test": 5}
    rows = [json.loads(line) for line in (out / "data" / "train.jsonl").read_text().splitlines()]
    assert all([turn["role"] for turn in row["text"]] == ["user", "assistant"] for row in rows)
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["test.jsonl", "train.jsonl"]


def test_the_export_leaves_labels_and_the_validation_split_to_autotrain(tmp_path):
    data = tmp_path / "in"
    data.mkdir()
    (data / "train.csv").write_text(
        "text,target\n" + "".join(f"{row},{'ab'[row % 2]}\n" for row in range(10))
    )
    found = {"path": str(data), "local": True, "train_split": "train"}
    asked = {"task": "text_multi_class_classification", "base_model": "x", "data": found, "params": {}}
    assert export_data(job_from(asked), tmp_path / "out")["rows"]["train"] == 10
    first = (tmp_path / "out" / "data" / "train.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"text": "0", "target": "a"}


def test_a_base_whose_tokenizer_needs_code_or_is_not_there_is_no_base_to_tune(tmp_path, tiny_llama):
    base = tmp_path / "base"
    base.mkdir()
    for path in Path(tiny_llama).iterdir():
        if "token" not in path.name:
            (base / path.name).symlink_to(path)
    rows = numbers(tmp_path)
    assert "unusable_base" not in inspect(request(rows, tiny_llama))
    assert "unusable_base" not in inspect(request(rows, "nobody-here/no-such-model"))
    assert "tokenizer" in inspect(request(rows, base))["unusable_base"]
    config = {"tokenizer_class": "OwnTokenizer", "auto_map": {"AutoTokenizer": ["own.OwnTokenizer", None]}}
    (base / "tokenizer_config.json").write_text(json.dumps(config))
    (base / "own.py").write_text("raise SystemExit('it ran')\n")
    assert "needs code of its own" in inspect(request(rows, base))["unusable_base"]
