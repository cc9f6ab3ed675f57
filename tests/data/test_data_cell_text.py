"""What is text and what is not: nothing is trained on as Python writes it, and no conversation as if it were a text."""

import json
from datetime import date, datetime
from decimal import Decimal

import pytest

from hf_recipes.data.cell_text import NotText, as_text, cell_text
from hf_recipes.data.form import form_of
from hf_recipes.data.messages import RowError, from_value
from hf_recipes.recipe.model import Message

ASK = {"role": "user", "content": "Two?"}
SAY = {"role": "assistant", "content": "2"}
PAIR = [ASK, SAY]
SHAREGPT = [{"from": "human", "value": "Two?"}, {"from": "gpt", "value": "2"}]
QUESTION = (Message("user", "{q}"), Message("assistant", "{a}"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        ([True, None, {"é": 1.0}], '[true, null, {"é": 1.0}]'),
        ({"b": 1, "a": float("nan")}, '{"b": 1, "a": null}'),
        ({"when": date(2024, 2, 3), "at": datetime(2024, 2, 3, 4, 5)}, '{"when": "2024-02-03", "at": "2024-02-03 04:05:00"}'),
        (Decimal("1E+2"), "100"),
        (0.1, "0.1"),
        (12345678901234567890, "12345678901234567890"),
    ],
)  # fmt: skip
def test_values_are_written_as_json_writes_them(value, text):
    assert cell_text(value) == text


@pytest.mark.parametrize("value", [json.loads("1e999"), {"a": [float("-inf")]}, b"\x89PNG", [object()]])
def test_what_is_no_text_never_becomes_one(value):
    with pytest.raises(NotText):
        cell_text(value)
    assert "object at" not in as_text(value) and "inf" not in as_text(value)


@pytest.mark.parametrize("cell", [PAIR, SHAREGPT, [ASK], ASK, {"role": ["user"], "content": ["Two?"]}])
@pytest.mark.parametrize("written", [lambda cell: cell, json.dumps, str])
@pytest.mark.parametrize(
    ("task", "params", "row"),
    [
        ("lm_training", {"trainer": "sft", "text_column": "c"}, {}),
        ("lm_training", {"trainer": "default", "text_column": "c", "chat_template": "none"}, {}),
        ("lm_training", {"trainer": "dpo", "text_column": "c", "rejected_text_column": "r"}, {"r": "x", "prompt": "x"}),
        ("lm_training", {"trainer": "orpo", "text_column": "t", "rejected_text_column": "c"}, {"t": "x", "prompt": "x"}),
        ("lm_training", {"trainer": "reward", "text_column": "t", "rejected_text_column": "c"}, {"t": "x"}),
        ("seq2seq", {"text_column": "t", "target_column": "c"}, {"t": "x"}),
        ("text_multi_class_classification", {"text_column": "c", "target_column": "t"}, {"t": "x"}),
        ("sentence_transformers", {"trainer": "pair", "sentence1_column": "c", "sentence2_column": "t"}, {"t": "x"}),
        ("text_extractive_question_answering", {"text_column": "c"}, {"question": "x", "answers": {"text": [], "answer_start": []}}),
    ],
)  # fmt: skip
def test_a_conversation_is_no_text_for_any_trainer(task, params, row, cell, written):
    with pytest.raises(
        RowError, match=r"column 'c': holds a list of messages where text is due; write data\.chat_template"
    ):
        form_of(task, params).record({**row, "c": written(cell)})


@pytest.mark.parametrize("cell", [[ASK], SHAREGPT, str(PAIR), json.dumps(SHAREGPT)])
def test_a_conversation_is_no_turn(cell):
    form = form_of("lm_training", {"trainer": "sft"}, QUESTION)
    with pytest.raises(RowError, match=r"column 'q' holds a list of messages, not text; .*text_column"):
        form.record({"q": cell, "a": [SAY]})
    with pytest.raises(RowError, match=r"column 'a' holds a list of messages"):
        form.record({"q": "Two?", "a": cell})


def test_a_conversation_that_is_written_as_text_may_be_quoted_in_a_turn():
    form = form_of(
        "lm_training", {"trainer": "sft"}, (Message("user", "Sum up: {q}"), Message("assistant", "{a}"))
    )
    quoted = json.dumps(PAIR)
    assert form.messages(form.record({"q": quoted, "a": "x"}))[0]["content"] == f"Sum up: {quoted}"


@pytest.mark.parametrize(
    "answer",
    [
        {"from": "Paris", "to": "Rome", "value": 3},
        [{"role": "chair", "content": "wood"}],
        {"city": "Köln", "tags": ["a", None]},
        [1, 2],
        [],
        {},
    ],
)
def test_a_json_answer_stays_what_it_is(answer):
    form = form_of("lm_training", {"trainer": "sft"}, QUESTION)
    for cell in (answer, json.dumps(answer, ensure_ascii=False)):
        text = form.messages(form.record({"q": "?", "a": cell}))[-1]["content"]
        assert json.loads(text) == answer and "\\u" not in text


def test_a_list_of_tokens_holds_texts():
    form = form_of("text_token_classification", {})
    with pytest.raises(RowError, match="column 'tokens': item 2 of the list is no text"):
        form.record({"tokens": ["a", {"text": "b"}], "tags": ["x", "y"]})


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([{"role": "Prompter", "content": "q"}, SAY], "message 1 has the role 'Prompter'; expected system, user or assistant; write user"),
        ([ASK, {"role": " BOT ", "content": "a"}], "write assistant"),
        ([ASK, {"role": "assistant", "tool_calls": [{"id": "1"}]}], "tool calls are not trained on; leave the row out"),
        ([ASK, {**SAY, "weight": 0}, ASK, SAY], "keep the question and the answer to learn alone"),
        ([SAY, ASK, SAY], "leave out what stands before the first question, or put a question before it"),
        ([ASK, SAY, ASK], "the last message is the user's; leave out what follows the last answer"),
        ([ASK, ASK, SAY], "join the user's messages that follow each other into one"),
        ([ASK, {"role": "system", "content": "s"}, SAY], "one system turn may stand, at the beginning"),
        ([{"role": "user", "content": [{"type": "text", "text": "q"}, {"type": "text", "text": "r"}]}, SAY], "write the text of its parts as one text"),
    ],
)  # fmt: skip
def test_other_formats_are_told_what_to_write(messages, why):
    with pytest.raises(RowError) as error:
        from_value(messages)
    assert why in str(error.value) and "\n" not in str(error.value)


def test_preferences_with_the_prompt_apart_are_joined():
    """TRL's explicit prompt: AutoTrain takes the question out of the chosen messages."""
    form = form_of("lm_training", {"trainer": "dpo", "chat_template": "tokenizer", "text_column": "chosen"})
    worse = {"role": "assistant", "content": "3"}
    record = form.record({"prompt": [ASK], "chosen": [SAY], "rejected": [worse]})
    assert (record["chosen"], record["rejected"]) == ([ASK, SAY], [ASK, worse])
    whole = {"prompt": "Two?", "chosen": [ASK, SAY], "rejected": [ASK, worse]}
    assert form.record(whole)["chosen"] == [ASK, SAY]
    with pytest.raises(RowError, match="column 'rejected': no assistant's turn at the end"):
        form.record({"prompt": [ASK], "chosen": [SAY], "rejected": [ASK]})


def test_a_table_holds_no_bytes_and_no_infinity():
    form = form_of("tabular", {})
    for cell in (b"\x00", json.loads("1e999")):
        with pytest.raises(RowError, match="'x'"):
            form.record({"x": cell})
