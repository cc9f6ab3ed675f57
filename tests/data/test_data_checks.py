"""What each trainer reads of a row, for every task, and what is said about a cell that it cannot use."""

import pytest

from hf_recipes.data.checks import class_id, class_names
from hf_recipes.data.findings import KEPT, DataError, Findings
from hf_recipes.data.form import form_of
from hf_recipes.data.messages import RowError
from hf_recipes.recipe.model import Message

CHAT = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(
    ("task", "params", "row", "record"),
    [
        ("lm_training", {"trainer": "sft", "text_column": "t"}, {"t": "x", "more": 1}, {"t": "x"}),
        ("lm_training", {"trainer": "sft", "chat_template": "tokenizer"}, {"text": CHAT}, {"text": CHAT}),
        (
            "lm_training",
            {
                "trainer": "orpo",
                "text_column": "good",
                "rejected_text_column": "bad",
                "prompt_text_column": "ask",
            },
            {"good": "g", "bad": "b", "ask": "a"},
            {"good": "g", "bad": "b", "ask": "a"},
        ),
        (
            "lm_training",
            {"trainer": "dpo", "chat_template": "chatml", "rejected_text_column": "no"},
            {"text": CHAT, "no": str(CHAT)},
            {"text": CHAT, "no": CHAT, "prompt": ""},
        ),
        (
            "text_multi_class_classification",
            {"text_column": "review", "target_column": "stars"},
            {"review": "good", "stars": 5},
            {"review": "good", "stars": 5},
        ),
        ("text_single_column_regression", {}, {"text": "x", "target": "0.5"}, {"text": "x", "target": 0.5}),
        (
            "text_token_classification",
            {},
            {"tokens": "['I', 'am']", "tags": [0, "B"]},
            {"tokens": ["I", "am"], "tags": [0, "B"]},
        ),
        ("seq2seq", {}, {"text": "a", "target": "b"}, {"text": "a", "target": "b"}),
        (
            "text_extractive_question_answering",
            {},
            {"context": "c", "question": "q", "answers": '{"text": ["c"], "answer_start": [0]}'},
            {"context": "c", "question": "q", "answers": {"text": ["c"], "answer_start": [0]}},
        ),
        (
            "sentence_transformers",
            {"trainer": "triplet"},
            {"sentence1": "a", "sentence2": "b", "sentence3": "c"},
            {"sentence1": "a", "sentence2": "b", "sentence3": "c"},
        ),
        (
            "sentence_transformers",
            {"trainer": "pair_score", "target_column": "score"},
            {"sentence1": "a", "sentence2": "b", "score": 1},
            {"sentence1": "a", "sentence2": "b", "score": 1.0},
        ),
        ("tabular", {}, {"id": 1, "x": None}, {"id": 1, "x": None}),
    ],
)
def test_each_trainer_gets_its_columns(task, params, row, record):
    assert form_of(task, params).record(row) == record


@pytest.mark.parametrize(
    ("task", "row", "why"),
    [
        ("seq2seq", {"text": "a"}, r"no column 'target' \(target_column\); the columns are 'text'"),
        ("seq2seq", {"text": "", "target": "b"}, "column 'text': is empty"),
        ("text_single_column_regression", {"text": "a", "target": "many"}, "expected a number, found 'many'"),
        ("text_single_column_regression", {"text": "a", "target": "nan"}, "not finite"),
        (
            "text_multi_class_classification",
            {"text": "a", "target": None},
            "expected one label, found nothing",
        ),
        ("text_token_classification", {"tokens": ["a"], "tags": [0, 1]}, "1 tokens but 2 tags"),
        ("text_token_classification", {"tokens": "a b", "tags": [0]}, "expected a list"),
        (
            "text_extractive_question_answering",
            {"context": "c", "question": "q", "answers": {"text": ["a"], "answer_start": []}},
            "1 answers but 0 starts",
        ),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(task, row, why):
    with pytest.raises(RowError, match=why):
        form_of(task, {}).record(row)


def test_templates_are_for_supervised_chat_only():
    with pytest.raises(RowError, match="llm-sft and llm-generic only"):
        form_of("seq2seq", {}, (Message("user", "{a}"),))


def test_the_question_is_kept_apart_from_the_answer():
    chat = form_of("lm_training", {"trainer": "sft", "chat_template": "tokenizer"})
    other = [CHAT[0], {"role": "assistant", "content": "another answer"}]
    assert chat.prompt({"text": CHAT}) == chat.prompt({"text": other})
    assert chat.test_row(7, {"text": CHAT}) == {"row": 7, "messages": CHAT[:1], "reference": "a"}
    seq2seq = form_of("seq2seq", {})
    assert seq2seq.prompt({"text": "a", "target": "b"}) == seq2seq.prompt({"text": "a", "target": "c"})


def test_classes_are_ordered_as_autotrain_orders_them():
    assert class_names({"pos", "neg"}) == ["neg", "pos"]
    assert class_names({10, 2}) == ["10", "2"]
    assert class_names({0, 1}, ["neg", "pos"]) == ["neg", "pos"]
    assert class_names({0, 7}, ["neg", "pos"]) == ["0", "7"]
    assert class_id(2, ["10", "2"]) == 1
    assert class_id(1, ["neg", "pos"]) == 1
    with pytest.raises(RowError, match="stands in no training row"):
        class_id("new", ["neg", "pos"])


def test_a_million_mistakes_are_counted_and_the_first_are_kept():
    findings = Findings()
    findings.stop()
    for line in range(1, 1001):
        findings.add("train.jsonl", line, "not JSON")
    with pytest.raises(DataError) as error:
        findings.stop()
    assert len(error.value.problems) == KEPT
    assert error.value.summary == "train.jsonl:1:1: not JSON (and 999 more such problems)"


@pytest.mark.parametrize("cell", [[1, 2], {"a": float("inf")}, [{}]])
def test_a_cell_of_a_table_holds_one_value(cell: object) -> None:
    table = form_of("tabular", {"target_columns": ["price"]})
    assert table.record({"rooms": 3, "price": None}) == {"rooms": 3, "price": None}
    with pytest.raises(RowError, match="column 'rooms': expected one value, found"):
        table.record({"rooms": cell, "price": 1})


def test_a_column_that_a_table_lacks_is_named() -> None:
    table = form_of("tabular", {"target_columns": "price", "categorical_columns": ["street"]})
    with pytest.raises(
        RowError, match=r"no column 'price' \(target_columns\); the columns are 'street', 'cost'"
    ):
        table.record({"street": "x", "cost": 1})
    with pytest.raises(RowError, match=r"no column 'street' \(categorical_columns\)"):
        table.record({"price": 1})


def test_lists_as_numpy_writes_them_are_not_read_as_one_long_text():
    """Python joins texts that no comma parts: both lists would be of one token, and train."""
    form = form_of("text_token_classification", {})
    with pytest.raises(RowError, match="column 'tokens': no commas stand between the texts"):
        form.record({"tokens": "['EU' 'rejects'\n 'it']", "tags": "['B-ORG' 'O'\n 'O']"})
    kept = form.record({"tokens": "['it\\'s', \"' '\"]", "tags": '["O", "O"]'})
    assert kept["tokens"] == ["it's", "' '"]
