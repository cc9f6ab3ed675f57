"""What a task reads and a row can lack: found at its line by `check`, and by the prepare step of a run."""

from __future__ import annotations

import json

import pytest

from hf_recipes.data.findings import DataError
from hf_recipes.data.form import form_of
from hf_recipes.record.job import job_from
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.convert import convert
from hf_recipes.steps.prepare.rules import RowRules

CHAT = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]
Rows = list[dict]


@pytest.fixture
def asked(tmp_path):
    """Makes the request for these rows: of chats `q` and `a`."""

    def make(train: Rows, test: Rows | None = None, *, task: str = "lm_training", **params) -> dict:
        data = {"path": str(tmp_path), "local": True, "train_split": "train"}
        for name, rows in (("train", train), ("test", test)):
            if rows is not None:
                (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        if test is not None:
            data["test_split"] = "test"
        if task == "lm_training" and not params:
            data["messages"] = CHAT
            params = {"trainer": "sft", "text_column": "text", "chat_template": "tokenizer"}
        return {"task": task, "base_model": "nobody-here/no-such-model", "data": data, "params": params}

    return make


def found(request: dict, code: str, kind: str = "warnings") -> list[tuple[int, str]]:
    """(line, message) of one code."""
    problems = inspect_rows(request)["found"][kind]
    return [(one["line"], one["message"]) for one in problems if one["code"] == code]


def chats(*pairs: tuple[str, str]) -> Rows:
    return [{"q": question, "a": answer} for question, answer in pairs]


def test_test_rows_that_contradict_each_other_are_told_and_how_many_can_be_right(asked):
    train = chats(("one", "a"), ("two", "b"), ("three", "c"))
    test = chats(("x", "a"), ("y", "b"), ("x", "b"), ("x", "a"), ("two", "a"), ("one", "a"))
    request = asked(train, test)
    [(line, message)] = found(request, "other-answer-test-row")
    assert line == 3 and "another answer at line 1" in message
    [(line, message)] = found(request, "most-that-can-be-right")
    assert line == 0 and "more than 5 of 6 test rows" in message
    [(line, message)] = found(request, "test-row-contradicts-train")
    assert line == 5 and message.endswith("train.jsonl:2")
    assert [line for line, _ in found(request, "test-row-in-train")] == [5, 6]


def test_a_run_hears_of_contradictions_too(asked):
    request = job_from(asked(chats(("one", "a"), ("two", "b")), chats(("x", "a"), ("x", "b"))))
    form = form_of(request.task, request.params, request.data.messages)
    rules = RowRules(request, form)
    convert(request, form, None, rules=rules)
    assert {"other-answer-test-row", "most-that-can-be-right"} <= set(rules.warnings.codes)


@pytest.mark.parametrize(
    ("odd", "how"),
    [
        ("Card", "case"),
        ("card ", "white space"),
        ("lost  card", "white space"),
        ("lost\u00a0card", "white space"),
        ("ca\u200brd", "characters that nobody sees"),
        ("card\ufeff", "characters that nobody sees"),
        ("CA\u00adRD", "characters that nobody sees and case"),
        ("ｃard", "the Unicode form of its characters"),
    ],
)
@pytest.mark.parametrize("part", ["train", "test"])
def test_labels_that_only_look_the_same_are_told_where_they_stand(asked, odd, how, part):
    usual = "lost card" if odd.startswith("lost") else "card"
    train = [{"q": f"question {row}", "a": (usual, "other")[row % 2]} for row in range(40)]
    test = [{"q": f"test {row}", "a": (usual, "other")[row % 2]} for row in range(10)]
    (train if part == "train" else test)[4]["a"] = odd
    for request in (
        asked(train, test),
        asked(train, test, task="text_multi_class_classification", text_column="q", target_column="a"),
    ):
        if "messages" not in request["data"] and odd.strip() == usual:
            continue
        [(line, message)] = found(request, "label-spelling")
        assert line == 5 and f"'{usual}'" in message and f"in {how} only" in message
        assert odd not in message or odd.isprintable()


def test_free_answers_are_no_labels(asked):
    train = chats(*((f"question {row}", f"Answer {row}") for row in range(30)), ("x", "answer 3"))
    assert found(asked(train), "label-spelling") == []


PAIR = {"text_column": "chosen", "rejected_text_column": "rejected", "prompt_text_column": "prompt"}


@pytest.mark.parametrize("trainer", ["dpo", "orpo", "reward"])
@pytest.mark.parametrize("chat", [False, True])
def test_pairs_without_a_preference(asked, trainer, chat):
    def answer(text: str) -> object:
        return (
            [{"role": "user", "content": "hello"}, {"role": "assistant", "content": text}] if chat else text
        )

    params = {**PAIR, "trainer": trainer, **({"chat_template": "tokenizer"} if chat else {})}
    rows = [{"prompt": "hello", "chosen": answer(f"{n}"), "rejected": answer("no")} for n in range(5)]
    rows[2]["rejected"] = answer(" 2 ")
    [(line, message)] = found(asked(rows, **params), "no-preference")
    assert line == 3 and "'chosen' and 'rejected' are the same" in message
    for row in rows:
        row["rejected"] = row["chosen"]
    request = asked(rows, **params)
    assert [line for line, _ in found(request, "no-preference", "problems")] == [1, 2, 3, 4, 5]
    of_run = job_from(request)
    form = form_of(of_run.task, of_run.params)
    with pytest.raises(DataError, match="no preference"):
        convert(of_run, form, None, rules=RowRules(of_run, form))


def test_a_prompt_that_its_answers_begin_with(asked):
    rows = [{"prompt": "Say hello.", "chosen": f"Say hello. Hello {n}", "rejected": "No"} for n in range(3)]
    rows[1]["rejected"] = "Say hello. No"
    for trainer in ("dpo", "orpo"):
        repeated = found(asked(rows, **PAIR, trainer=trainer), "prompt-in-answer")
        assert repeated == [(2, "both answers begin with 'prompt': it would stand there twice")]


def test_a_pair_answers_one_question(asked):
    def chat(question: str, answer: str) -> Rows:
        return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    rows = [{"prompt": "x", "chosen": chat("a", "b"), "rejected": chat("a", "c")} for _ in range(3)]
    rows[1]["rejected"] = chat("another", "c")
    found_rows = found(asked(rows, **PAIR, trainer="dpo", chat_template="tokenizer"), "other-question")
    assert [line for line, _ in found_rows] == [2]


def test_expected_queries_that_fail_or_give_nothing(asked):
    def row(query: str) -> tuple[str, str]:
        return "CREATE TABLE t (a INT, b TEXT); all of t?", query

    good, nothing = row("SELECT a FROM t"), row("SELECT a FROM t WHERE a = 1 AND a = 2")
    test = chats(good, row("SELECT c FROM t"), nothing, row("SELECT MAX(a) FROM t WHERE 0"), good)
    request = {**asked(chats(good), test), "evaluate": {"metrics": [{"name": "sql_execution"}]}}
    [(line, message)] = found(request, "expected-query-fails")
    assert line == 2 and "does not run (no such column: c)" in message
    assert [line for line, _ in found(request, "expected-query-empty")] == [3, 4]
    request = {
        **asked(chats(good), chats(nothing, nothing)),
        "evaluate": {"metrics": [{"name": "sql_execution"}]},
    }
    assert [line for line, _ in found(request, "expected-query-empty", "problems")] == [1, 2]
    request["evaluate"] = {"metrics": [{"name": "exact_match"}]}
    assert found(request, "expected-query-empty", "problems") == []


QA = {"text_column": "context", "question_column": "question", "answer_column": "answers"}


def test_an_answer_that_does_not_stand_where_it_should(asked):
    def row(start: int, text: str = "Bonn") -> dict:
        answers = {"text": [text], "answer_start": [start]}
        return {"context": "She was a lie in Bonn once", "question": "Where?", "answers": answers}

    nothing = {**row(0), "answers": {"text": [], "answer_start": []}}
    rows = [row(17), row(6), row(17, "Köln"), nothing, row(-9)]
    request = asked(rows, task="text_extractive_question_answering", **QA)
    assert found(request, "answer-start") == [
        (2, 'context[6:10] is "s a ", not "Bonn": it stands at 17'),
        (3, 'context[17:21] is "Bonn", not "Köln": it stands nowhere in it'),
        (5, 'context[-9:-5] is "", not "Bonn": it stands at 17'),
    ]
    request = asked([row(3), row(4)], task="text_extractive_question_answering", **QA)
    assert len(found(request, "answer-start", "problems")) == 2


def test_tags_that_go_on_with_what_has_not_begun(asked):
    def row(*tags: str) -> dict:
        return {"tokens": ["word"] * len(tags), "tags": list(tags)}

    params = {"tokens_column": "tokens", "tags_column": "tags"}
    rows = [row("B-PER", "I-PER", "O"), row("O", "I-PER"), row("B-LOC", "I-PER"), row("I-LOC"), row("O")]
    request = asked(rows, task="text_token_classification", **params)
    assert [line for line, _ in found(request, "entity-tags")] == [2, 3, 4]
    assert "tag 2, 'I-PER', follows 'O'" in found(request, "entity-tags")[0][1]
    # The scheme in which I- begins an entity, and B- parts two neighbours.
    older = [row("I-PER", "I-PER", "O"), row("I-LOC", "B-LOC"), row("O", "I-LOC")]
    assert found(asked(older, task="text_token_classification", **params), "entity-tags") == []
    nothing = asked([row("O"), row("O", "O")], task="text_token_classification", **params)
    assert "nothing to learn" in found(nothing, "no-entities")[0][1]


SENTENCES = {f"sentence{number}_column": f"s{number}" for number in (1, 2, 3)}


def test_sentences_that_teach_nothing(asked):
    task = "sentence_transformers"
    scores = [{"s1": "a", "s2": f"b {row}", "score": row / 10} for row in range(11)]
    scores += [{"s1": "a", "s2": "c", "score": 4.5}, {"s1": "same", "s2": "same", "score": 1.0}]
    request = asked(scores, task=task, trainer="pair_score", target_column="score", **SENTENCES)
    assert found(request, "score-range") == [(12, "the score 4.5 is no cosine: those are from -1 to 1")]
    assert found(request, "equal-sentences") == []
    raw = [{**row, "score": 5 * row["score"]} for row in scores]
    request = asked(raw, task=task, trainer="pair_score", target_column="score", **SENTENCES)
    assert len(found(request, "score-range", "problems")) == 10
    triplets = [{"s1": f"{row}", "s2": f"{row} b", "s3": "c"} for row in range(4)]
    triplets[1]["s3"], triplets[2]["s2"] = triplets[1]["s2"], triplets[2]["s1"]
    request = asked(triplets, task=task, trainer="triplet", **SENTENCES)
    assert [line for line, _ in found(request, "equal-negative")] == [2]
    assert [line for line, _ in found(request, "equal-sentences")] == [3]


def test_targets_that_teach_nothing(asked):
    columns = {"text_column": "x", "target_column": "y"}
    rows = [{"x": f"text {row}", "y": f"short {row}"} for row in range(4)]
    rows[2]["y"] = "text  2"
    assert [line for line, _ in found(asked(rows, task="seq2seq", **columns), "equal-target")] == [3]
    same = [{"x": f"text {row}", "y": 3} for row in range(4)]
    request = asked(same, task="text_single_column_regression", **columns)
    [(line, message)] = found(request, "one-target", "problems")
    assert line == 0 and "'y' is 3 in every training row" in message
    bad = [{"x": "text", "y": "nan"}, {"x": "text", "y": 1}]
    request = asked(bad, task="text_single_column_regression", **columns)
    assert [line for line, _ in found(request, "bad-row", "problems")] == [1]


@pytest.mark.parametrize(("task", "lines"), [("regression", [2, 3, 4]), ("classification", [2])])
def test_tables_whose_target_is_missing(asked, task, lines):
    rows = [{"a": 1, "y": 2.5}, {"a": 1, "y": None}, {"a": 1, "y": "high"}, {"a": 1, "y": "inf"}]
    if task == "classification":
        rows[3]["y"] = "low"
    request = asked(rows, task="tabular", target_columns=["y"])
    request["params"]["task"] = task
    assert [line for line, _ in found(request, "no-target", "problems")] == lines
