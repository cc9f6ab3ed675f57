"""Rows become messages: templates, ready-made lists, and what is said when they cannot."""

import json

import pytest

from hf_recipes.data.chat_turns import read_as
from hf_recipes.data.messages import RowError, columns_in, fill, from_templates, from_value
from hf_recipes.recipe.model import Message

SYSTEM = {"role": "system", "content": "Be brief."}
ASK = {"role": "user", "content": "Two?"}
SAY = {"role": "assistant", "content": "2"}


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("{a} and {b}", {"a": "x", "b": 3}, "x and 3"),
        ('{{"qty": "{a}"}}', {"a": 1.5}, '{"qty": "1.5"}'),
        ("{ a }", {"a": True}, "true"),
        ("{a}", {"a": ["é", {"k": None}]}, '["é", {"k": null}]'),
        ("{a}", {"a": None}, ""),
        ("{a}", {"a": float("nan")}, ""),  # as tables write what is missing; never taught as "nan"
        ("{a}", {"a": "{b}", "b": "never filled twice"}, "{b}"),
        ("no columns }", {}, "no columns }"),
        ("{with space.and-dash}", {"with space.and-dash": "ok"}, "ok"),
    ],
)
def test_templates_are_filled(template, row, text):
    assert fill(template, row) == text


def test_a_missing_column_names_those_there_are():
    with pytest.raises(RowError, match="no column 'anser'; the columns are 'question', 'answer'"):
        fill("{anser}", {"question": "q", "answer": "a"})


@pytest.mark.parametrize("template", ["an open {brace", "{}", "{ }"])
def test_a_lone_brace_is_explained(template):
    with pytest.raises(RowError, match=r"write '\{\{' for a brace"):
        fill(template, {"a": "x"})


def test_columns_of_templates_are_known_before_any_row():
    assert columns_in(["{b} {a}", "{{c}} {b}"]) == ("b", "a")


def test_a_row_becomes_a_conversation():
    templates = (Message("system", "Schema: {s}"), Message("user", "{q}"), Message("assistant", "{a}"))
    made = from_templates(templates, {"s": "t(x)", "q": "How many?", "a": 3})
    assert made == [
        {"role": "system", "content": "Schema: t(x)"},
        {"role": "user", "content": "How many?"},
        {"role": "assistant", "content": "3"},
    ]


@pytest.mark.parametrize("value", [[SYSTEM, ASK, SAY], [ASK, SAY, ASK, SAY]])
def test_ready_made_lists_are_taken_in_every_form(value):
    assert from_value(value) == value
    assert from_value(json.dumps(value)) == value
    assert from_value(repr(value)) == value  # what AutoTrain's literal_eval reads
    assert from_value([{**message, "weight": 1} for message in value]) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([], "the list of messages is empty"),
        ([ASK], "no assistant's turn at the end"),
        ([SYSTEM, SAY], "message 2 is the assistant's where the user's turn is due"),
        ([ASK, ASK, SAY], "message 2 is the user's where the assistant's turn is due"),
        ([ASK, SYSTEM, SAY], "message 2 is the system's"),
        ([ASK, {"role": "assistant", "content": None}], "the assistant's turn is empty"),
        ([ASK, {"role": "assistant", "content": "  "}], "the assistant's turn is empty"),
        ([{"role": "user", "content": ""}, SAY], "the user's turn is empty"),
        (
            [{"role": "customer", "content": "x"}, SAY],
            "has the role 'customer'; expected system, user or assistant; write user",
        ),
        ([{"role": ["user"], "content": "x"}, SAY], "expected system, user or assistant"),
        ([ASK, {**SAY, "tool_calls": [{"id": "1"}]}], "message 2 calls tools, which is not trained on"),
        ([ASK, {**SAY, "content": None, "function_call": {"name": "f"}}], "message 2 calls tools"),
        ([ASK, {**SAY, "weight": 0}], "message 2 has weight 0, and every turn is trained on"),
        ([{"from": "human", "value": "x"}], "no assistant's turn at the end"),
        ([{"from": "tool", "value": "x"}], "tool calls are not trained on"),
        ([{"from": "human", "text": "x"}], "with the keys 'from', 'text', expected 'role' and 'content'"),
        ([{"role": "user", "content": [{"type": "text"}]}, SAY], "has a list as content"),
        ("just text", "expected a list of messages, found the text 'just text'"),
        (None, "expected a list of messages, found nothing"),
        ("[" * 100_000, "expected a list of messages"),
    ],
)
def test_a_broken_conversation_is_named(value, why):
    with pytest.raises(RowError) as error:
        from_value(value)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            [{"from": "human", "value": "Two?"}, {"from": "gpt", "value": "2"}],
            {"from and value as role and content", "human as user", "gpt as assistant"},
        ),
        ([{"role": "User", "content": "Two?"}, {"role": " MODEL ", "content": "2"}], {"User as user", " MODEL  as assistant"}),
        ([{"role": "user", "content": [{"type": "text", "text": "Two?"}]}, SAY], {"a content part as its text"}),
        (
            [{"from": "human", "value": "Two?", "role": None, "content": None}, {**SAY, "from": None, "value": None}],
            {"from and value as role and content", "human as user"},
        ),
        ([ASK, SAY], set()),
    ],
)  # fmt: skip
def test_what_other_formats_write_is_read_where_nothing_is_lost(written, said):
    assert from_value(written) == [ASK, SAY]
    assert {phrase for turn in written for phrase in read_as(turn)} == said
    developer = [{"role": "developer", "content": SYSTEM["content"]}, *written]
    assert from_value(developer) == [SYSTEM, ASK, SAY]


def test_a_conversation_that_is_kept_by_columns_is_one():
    """`datasets` gives a sequence of mappings so."""
    assert from_value({"content": ["Two?", "2"], "role": ["user", "assistant"]}) == [ASK, SAY]
