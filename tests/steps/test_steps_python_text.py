"""Lists and mappings that stand in the data as Python writes them are told, by every step that shows rows to the rules."""

import json

import pytest

from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect
from hf_recipes.steps.prepare.rules.python_text import written_by_python

MESSAGES = [{"role": "user", "content": "Q: {q}"}, {"role": "assistant", "content": "{a}"}]


@pytest.mark.parametrize(
    "text",
    [
        "{'a': 1}",
        "['x', 'y']",
        "[True, None]",
        "{'a': nan}",
        "(1, 'b')",
        "['a' 'b']",
        "[1 2 3]",
        "array([1, 2])",
    ],
)
def test_python_writes_this(text):
    assert written_by_python(text)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '["it\'s"]', "[1, 2]", "(he said 'no')", "{x}", "[a 'b']", "don't", "[sic]", ""]
)
def test_people_and_json_write_this(text):
    assert not written_by_python(text)


@pytest.mark.parametrize("read", [inspect_rows, inspect])
def test_each_such_row_is_told_by_its_line(tmp_path, read):
    answers = ['{"n": 0}', "{'n': 1}", '{"n": 2}', "{'n': None}"]
    lines = [json.dumps({"q": f"question {n}", "a": answer}) for n, answer in enumerate(answers)]
    (tmp_path / "train.jsonl").write_text("\n".join(lines))
    answer = read(
        {
            "task": "lm_training",
            "base_model": "nobody-here/no-such-model",
            "data": {"path": str(tmp_path), "local": True, "train_split": "train", "messages": MESSAGES},
            "params": {"trainer": "sft", "chat_template": "tokenizer"},
        }
    )
    warnings = answer["found"]["warnings"] if read is inspect_rows else answer["warnings"]
    told = [one for one in warnings if one["code"] == "python-text"]
    assert [one["line"] for one in told] == [2, 4]
    assert (
        told[0]["message"] == "column 'a' holds \"{'n': 1}\", as Python writes it"
        and "json.dumps" in told[0]["hint"]
    )


def test_a_missing_cell_that_pandas_wrote_is_told(tmp_path):
    """Of a frame made text, nan is a word that the model learns to say; None may be a label."""
    answers = ["nan", "None", "one", "<NA>"]
    (tmp_path / "train.csv").write_text(
        "q,a\n" + "".join(f"question {n},{a}\n" for n, a in enumerate(answers))
    )
    data = {"path": str(tmp_path), "local": True, "train_split": "train", "messages": MESSAGES}
    params = {"trainer": "sft", "chat_template": "tokenizer"}
    answer = inspect_rows(
        {"task": "lm_training", "base_model": "nobody-here/no-such-model", "data": data, "params": params}
    )
    assert [one["line"] for one in answer["found"]["warnings"] if one["code"] == "missing-as-text"] == [2, 5]
