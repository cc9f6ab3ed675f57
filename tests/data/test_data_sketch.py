"""What rows show of the recipe that they need: columns, metrics, and a reason where nothing can be told."""

from __future__ import annotations

import json

import pytest

from hf_recipes.data.sketch import NoSketch, Sketch, sketch

ASK, SAY = (
    {"role": "user", "content": "Two?"},
    {"role": "assistant", "content": "It is two, as far as anybody here could count."},
)


def of(**columns: list[object]) -> Sketch:
    return sketch([dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)])


def test_ready_made_conversations_in_any_form_that_is_read():
    for turns in ([ASK, SAY], [{"from": "human", "value": "Two?"}, {"from": "gpt", "value": SAY["content"]}]):
        found = of(id=list(range(9)), turns=[turns] * 9)
        assert (found.task, found.conversation, found.answered) == ("llm-sft", "turns", None)
    assert of(chat=[json.dumps([ASK, SAY])] * 9).conversation == "chat"


@pytest.mark.parametrize(
    ("columns", "asked", "answered"),
    [
        ({"instruction": "do", "input": "this", "output": "done"}, ("instruction", "input"), "output"),
        ({"instruction": "do", "input": "", "output": "done"}, ("instruction",), "output"),
        ({"Question": "why", "context": "CREATE TABLE t", "Answer": "so"}, ("Question", "context"), "Answer"),
        ({"prompt": "why", "completion": "so"}, ("prompt",), "completion"),
        ({"line": "two cups", "json": "{}"}, ("line",), "json"),
    ],
)
def test_columns_become_question_and_answer(columns, asked, answered):
    found = sketch([columns] * 10)
    assert (found.task, found.asked, found.answered) == ("llm-sft", asked, answered)


@pytest.mark.parametrize(
    ("answers", "metrics"),
    [
        ([json.dumps({"a": number}) for number in range(80)], ("exact_match", "json_f1")),
        ([f"{number * 7},000.5" for number in range(80)], ("number_match",)),
        ([str(number) for number in range(80)], ("number_match",)),
        (["1", "2", "3", "4", "5"] * 16, ("accuracy", "macro_f1")),
        (["one\nline", "another\nline"] * 40, ("rougeL", "chrf")),
        (["always the same"] * 80, ("exact_match", "normalised_match")),
        (["billing", "shipping", "returns", "other"] * 20, ("accuracy", "macro_f1")),
        ([f"SELECT {number} FROM t" for number in range(80)], ("sql_execution", "exact_match")),
        ([f"part {number}" for number in range(80)], ("exact_match", "normalised_match")),
        ([f"a long answer {number} " * 9 for number in range(80)], ("rougeL", "chrf")),
    ],
)
def test_metrics_fit_the_answers(answers, metrics):
    found = of(question=["CREATE TABLE t (a int)"] * 80, answer=answers)
    assert found.metrics == metrics
    assert bool(found.labels) == (metrics[0] == "accuracy")


def test_a_query_without_its_tables_is_not_run():
    found = of(question=["how many?"] * 60, answer=[f"SELECT {number} FROM t" for number in range(60)])
    assert found.metrics == ("normalised_match",)


def test_preferences_as_messages_and_as_texts():
    found = of(prompt=[[ASK]] * 5, chosen=[[SAY]] * 5, rejected=[[SAY]] * 5)
    assert (found.task, found.conversation, found.rejected, found.metrics) == (
        "llm-dpo",
        "chosen",
        "rejected",
        (),
    )
    texts = of(prompt=["q"] * 5, chosen=["good"] * 5, rejected=["bad"] * 5)
    assert (texts.conversation, texts.asked, texts.answered) == (None, ("prompt",), "chosen")


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({}, "there are no rows"),
        ({"text": "plain"}, "there is no question with its answer"),
        ({"a": "x", "b": "y", "c": "z"}, "rename two of them to question and answer"),
        ({"chosen": "x", "rejected": "y"}, "llm-dpo needs a column 'prompt'"),
        ({"prompt": "x", "completion": "y", "label": True}, "llm-sft would learn both"),
        ({"messages": [ASK, {"role": "assistant", "content": None, "tool_calls": [{}]}]}, "message 2 calls tools"),
        ({"n": 1, "m": None}, "no question with its answer"),
        ({"question: what": "x", "answer": "y"}, "braces, quotes or a colon"),
        ({"q{": "x", "answer": "y"}, "rename it"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_said(columns, why):
    with pytest.raises(NoSketch) as error:
        sketch([columns] * 10 if columns else [])
    assert why in str(error.value)
