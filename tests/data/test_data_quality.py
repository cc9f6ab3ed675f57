"""What the counts of a data set say about it, and what has no place in its text."""

from __future__ import annotations

import random

import pytest

from hf_recipes.data.asked import Comparing, used_columns
from hf_recipes.data.findings import KEPT
from hf_recipes.data.form import form_of
from hf_recipes.data.lengths import Bin, Lengths
from hf_recipes.data.needed import needed
from hf_recipes.data.quality import FEW, Answers, half_width, judge_rows, label_facts
from hf_recipes.data.sensitive import has_email, masked, secrets_in
from hf_recipes.data.tally import Tally
from hf_recipes.recipe.model import Message
from hf_recipes.recipe.problem import Problem

# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "a Hugging Face token": "hf_" + "a1B2c3D4e5" * 3,
    "a GitHub token": "ghp_" + "a1B2c3D4e5" * 4,
    "an AWS access key id": "AKIA" + "A1B2C3D4E5F6G7H8",
    "an API key (sk-…)": "sk-" + "proj-" + "a1B2c3D4e5" * 4,
    "a Slack token": "xoxb-" + "1234567890-abc",
    "a Google API key": "AIza" + "a1B2c3D" * 5,
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "a JSON web token": ".".join(["eyJ" + "a1B2c3D4e5", "eyJ" + "a1B2c3D4e5", "a1B2c3D4e5"]),
    "a password in an address": "postgres://admin:" + "hunter2@db.internal/main",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_known_by_its_kind_and_masked(kind):
    text = f"connect with {SECRETS[kind]} please"
    assert secrets_in(text) == [kind]
    assert SECRETS[kind] not in masked(text)


def test_the_token_of_a_login_in_the_browser_is_masked_whole():
    token = "hf_oauth_" + "eyJhbGciOiJFZERTQSJ9." + "eyJ" + "a1B2c3D4e5" * 3 + "." + "Zz-_9" * 8
    assert "a Hugging Face token" in secrets_in(f"use {token} here")
    assert masked(f"use {token} here") == "use *** here"


@pytest.mark.parametrize(
    "text",
    [
        "the risk-free rate of the bank is what we speak of here and there and everywhere",
        "AKIA" + "IOSFODNN7EXAMPLE",  # of AWS's own documentation
        "see https://example.com/a:b@c and git@github.com",
        "hf_short",
        "http://localhost:8000/@user",
    ],
)
def test_plain_text_holds_no_secret(text):
    assert secrets_in(text) == []


def test_an_email_address_is_one_that_somebody_may_have():
    assert has_email("write to Ada.Lovelace+x@analytical.engine.org today")
    assert not has_email("write to someone@example.com or a@mail.example.org")
    assert not has_email("@handle, 3 @ 5, a@b")
    assert "ada@" not in masked("from ada@engine.org")


def test_findings_are_kept_by_kind_and_without_secrets():
    tally = Tally()
    for line in range(1, 101):
        tally.add("a.jsonl", line, "first", code="first")
    tally.add("a.jsonl", 101, f"found {SECRETS['a GitHub token']!r}", code="second")
    assert (tally.total, dict(tally.codes)) == (101, {"first": 100, "second": 1})
    assert [one.code for one in tally.kept] == ["first"] * KEPT + ["second"]
    assert "ghp_" not in tally.kept[-1].message


def test_lengths_in_little_memory_keep_their_quantiles():
    draw = random.Random(0)
    values = [round(draw.lognormvariate(5, 1)) for _ in range(20_000)] + [
        1_000_000 + row for row in range(5000)
    ]
    lengths = Lengths()
    for value in values:
        lengths.add(value)
    assert len(lengths.counts) < 5000
    assert (lengths.rows, lengths.total, lengths.longest) == (25_000, sum(values), max(values))
    for share in (0.1, 0.5, 0.95):
        exact = sorted(values)[int(len(values) * share) - 1]
        assert exact <= lengths.quantile(share) <= exact * 1.02


def test_a_histogram_counts_every_row_in_round_bins():
    lengths = Lengths()
    for value in [3] * 5 + [11] * 2 + [47]:
        lengths.add(value)
    bins = lengths.histogram()
    assert sum(one.rows for one in bins) == 8
    assert bins[0] == Bin(0, 4, 5) and bins[2] == Bin(10, 14, 2) and bins[-1] == Bin(45, 49, 1)
    lengths = Lengths()
    for value in [*range(1000), 90_000]:
        lengths.add(value)
    bins = lengths.histogram()
    assert bins[-1].last is None and sum(one.rows for one in bins) == 1001 and len(bins) <= 10
    assert Lengths().histogram() == []


def test_what_all_rows_share_is_not_compared():
    form = form_of(
        "lm_training",
        {"trainer": "sft", "chat_template": "tokenizer"},
        (Message("system", "Schema {s}"), Message("user", "Please answer: {q}"), Message("assistant", "{a}")),
    )
    row = {"s": "same", "q": "why", "a": "so", "more": 1}
    compared = Comparing(form, {})(row, form.record(row))
    assert (compared.text, compared.answers) == ("why", ("so",))
    assert used_columns(form) == ("s", "q", "a")
    table = Comparing(
        form_of("tabular", {}), {"target_columns": ["y"], "id_column": "n", "task": "classification"}
    )
    first, second = ({"n": number, "x": 1, "y": "a"} for number in (1, 2))
    assert table(first, first).whole == table(second, second).whole == {"x": 1, "y": "a"}
    assert (table(first, first).question, table(first, first).answers) == ({"x": 1}, ("a",))


def test_answers_are_labels_while_they_are_few_and_repeated():
    few, many, once = Answers(classes=False), Answers(classes=False), Answers(classes=False)
    for row in range(2000):
        few.add((f"label {row % 3}",))
        many.add((f"answer {row}",))
    for row in range(40):
        once.add((f"answer {row}",))
    assert few.labels() == {"label 0": 667, "label 1": 667, "label 2": 666}
    assert many.labels() == {} and many.counts is None and once.labels() == {}
    long = Answers(classes=False)
    for _ in range(FEW):
        long.add(("word " * 100,))
    assert long.labels() == {}


def facts(**more):
    given = {
        "splits": {"train": {"rows": 1000}, "test": {"rows": 300}},
        "labels": {},
        "classes": "",
        "tokens": {},
        "columns": {"unused": []},
    }
    return {**given, **more}


def judged(task="lm_training", trainer="sft", limit=None, skips=False, **more):
    def at(key, code, message, hint):
        return Problem(key, 1, 1, code, message, hint)

    problems, warnings = judge_rows(facts(**more), needed(task, trainer), at, limit=limit, skips=skips)
    return {one.code: str(one) for one in problems}, {one.code: str(one) for one in warnings}


def tokens(**more):
    given = {"rows": 1000, "total": 90_000, "max": 500, "limit": 256, "cut": 0, "packed": True}
    return {**given, "limited_by": "params.block_size", **more}


def test_data_without_fault_is_not_complained_of():
    assert judged(tokens=tokens()) == ({}, {})


def test_few_rows_are_measured_against_a_number_with_its_source():
    _, warnings = judged(splits={"train": {"rows": 49}})
    assert "49 training rows, where 50" in warnings["few-rows"] and "OpenAI" in warnings["few-rows"]
    assert "few-rows" in judged(limit=30)[1]
    assert judged(splits={"train": {"rows": 3}}, trainer="dpo") == ({}, {})  # nobody says how many DPO needs
    labels = {"train": {"a": 500, "b": 49}}
    _, warnings = judged("text_multi_class_classification", "", classes="label", labels=labels)
    assert "1 of 2 labels have fewer than 50" in warnings["few-rows-of-a-label"]
    assert "Vertex" in warnings["few-rows-of-a-label"]


def test_labels_of_one_split_alone_are_told_with_their_place():
    train, test = Answers(classes=False), Answers(classes=False)
    for row in range(10):
        train.add(["ab"[row % 2]], f"train.jsonl:{row + 1}")
    for row, answer in enumerate("acc"):  # too few to be known for labels by themselves
        test.add([answer], f"test.jsonl:{row + 1}")
    facts = label_facts(train, test)
    assert facts["labels"]["test"] == {"a": 1, "c": 2}
    _, warnings = judged(**facts)
    assert "1 label ('c' 2; the first at test.jsonl:2)" in warnings["unknown-answer"]
    assert "1 label ('b' 5; the first at train.jsonl:2)" in warnings["unmeasured-label"]


def test_labels_that_are_one_or_unbalanced_or_unknown():
    assert "one-class" in judged(classes="label", labels={"train": {"a": 9}})[0]
    assert "unbalanced" not in judged(labels={"train": {"a": 900, "b": 9}})[1]
    assert "112 times as often" in judged(labels={"train": {"a": 900, "b": 8}})[1]["unbalanced"]
    labels = {"train": {"a": 9, "b": 9}, "test": {"a": 1, "c": 2}}
    assert "1 label ('c' 2)" in judged(classes="label", labels=labels)[0]["unknown-label"]
    problems, warnings = judged(classes="label", labels=labels, skips=True)
    assert "unknown-label" not in problems and "a run leaves them out" in warnings["unknown-label"]
    assert "unknown-answer" in judged(labels=labels)[1] and not judged(labels=labels)[0]
    assert "1 label ('b' 9) of the training rows stand" in judged(labels=labels)[1]["unmeasured-label"]
    one = {"train": {"a": 9, "b": 9}, "test": {"a": 5}}
    counted = judged(labels=one, splits={"train": {"rows": 90}, "test": {"rows": 5}})[1]
    assert "all 5 test rows have one label, 'a'" in counted["one-class-test"]
    assert "one-class-test" not in judged(labels={**one, "test": {"a": 5, "b": 1}})[1]


def test_rows_that_a_block_cuts_say_what_happens_to_them():
    packed = judged(tokens=tokens(cut=7))[1]["cut"]
    assert "params.block_size: 7" not in packed and "7 of 1,000" in packed and "spread over several" in packed
    one = {"code": "prompt-cut", "key": "params.max_prompt_length", "limit": 128, "rows": 7}
    trims = [
        {**one, "what": "lose the beginning of their prompt"},
        {**one, "code": "left-out", "rows": 2, "what": "are left out of training"},
    ]
    cut = judged(tokens=tokens(cut=9, packed=False, trims=trims))[1]
    said = "7 of 1,000 training rows lose the beginning of their prompt: 128 tokens are the limit"
    assert said in cut["prompt-cut"] and "2 of 1,000 training rows are left out" in cut["left-out"]
    assert "too-little-data" in judged(tokens=tokens(total=255))[0]


def test_a_small_test_split_says_how_little_it_shows():
    assert half_width(100) == pytest.approx(0.0962, abs=0.001)  # Wilson 95 % at 50/100: 0.404 to 0.596
    assert "±35 points" in judged(splits={"train": {"rows": 90}, "test": {"rows": 4}})[1]["few-test-rows"]
    assert judged(splits={"train": {"rows": 90}, "test": {"rows": 100}}) == ({}, {})


def test_columns_that_nothing_reads():
    assert "'a', 'b'" in judged(columns={"unused": ["a", "b"]})[1]["unused-column"]
