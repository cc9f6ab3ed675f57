"""Answers that are longer than `evaluate.max_new_tokens`: told before anything is answered, counted after, and in the verdict."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.data.answer_room import with_room
from hf_recipes.evaluation import cut
from hf_recipes.evaluation.answers import Answer
from hf_recipes.evaluation.build import build
from hf_recipes.evaluation.report import render_markdown
from hf_recipes.evaluation.write import write
from hf_recipes.steps.prepare.check_rows import inspect_rows
from hf_recipes.steps.prepare.inspect import inspect

MESSAGES = [{"role": "user", "content": "{q}"}, {"role": "assistant", "content": "{a}"}]
TOKENS = {
    "zero-shot": "base:0123456789ab",
    "few-shot": "base:0123456789ab",
    "fine-tuned": "fine-tuned:ba9876543210",
}
KEY = "evaluate.max_new_tokens"
JOB = {"task": "lm_training", "base_model": "ada/tiny"}


def request(folder: Path, base: Path, answers: Sequence[str], **evaluate: Any) -> dict[str, Any]:
    """A byte is a token of `base`, and `<|im_end|>` one more."""
    for split, texts in (("train", ["x"] * 8), ("test", answers)):
        lines = (json.dumps({"q": f"{split} question {row}", "a": text}) for row, text in enumerate(texts))
        (folder / f"{split}.jsonl").write_text("".join(line + "\n" for line in lines))
    return {
        "task": "lm_training",
        "base_model": str(base),
        "data": {"path": str(folder), "local": True, "train_split": "train", "messages": MESSAGES, "test_split": "test"},
        "params": {"trainer": "sft", "text_column": "text", "chat_template": "tokenizer", "block_size": 16},
        "evaluate": evaluate,
    }  # fmt: skip


def told(found: list[dict[str, Any]]) -> list[str]:
    return [f"{one['file']}: {one['message']}; {one['hint']}" for one in found if one["file"] == KEY]


def test_expected_answers_that_the_limit_cuts_are_a_problem_at_its_key(
    tmp_path: Path, tiny_llama: Path
) -> None:
    asked = request(tmp_path, tiny_llama, ["a" * 63, "b" * 64, "c" * 100], max_new_tokens=64)
    says = f"{KEY}: 64 is less than the expected answer of 2 of 3 test rows (longest 101); set it to 128, or leave it out"
    checked, planned = inspect_rows(asked)["found"], inspect(asked)
    assert [one.startswith(says) for one in told(checked["problems"])] == [True]
    assert [one.startswith(says) for one in told(planned["problems"])] == [True]
    assert not told(checked["warnings"])


def test_few_of_them_are_a_warning_and_none_is_nothing(tmp_path: Path, tiny_llama: Path) -> None:
    answers = ["a" * 10] * 39 + ["b" * 64]
    asked = request(tmp_path, tiny_llama, answers, max_new_tokens=64)
    assert "1 of 40 test rows" in told(inspect_rows(asked)["found"]["warnings"])[0]
    assert not told(inspect_rows(asked)["found"]["problems"])
    assert "1 of 40 test rows" in told(inspect(asked)["warnings"])[0]
    fitting = request(tmp_path, tiny_llama, answers, max_new_tokens=65)
    assert not told(inspect_rows(fitting)["found"]["warnings"]) and not told(inspect(fitting)["warnings"])
    # Where no answer is generated, none is cut.
    likely = request(tmp_path, tiny_llama, answers, max_new_tokens=4, metrics=[{"name": "likelihood"}])
    assert not told(inspect_rows(likely)["found"]["problems"])


def test_what_the_template_writes_before_an_answer_needs_no_room(tmp_path: Path, tiny_llama: Path) -> None:
    """It belongs to the prompt, so that nobody has to generate it."""
    base = tmp_path / "base"
    shutil.copytree(tiny_llama, base)
    settings = json.loads((base / "tokenizer_config.json").read_text())
    template = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
        "{% if m['role'] == 'assistant' %}{{ '<think></think>\n' }}{% endif %}{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant' }}{% endif %}"
    )
    (base / "chat_template.jinja").unlink(missing_ok=True)
    (base / "tokenizer_config.json").write_text(json.dumps({**settings, "chat_template": template}))
    asked = request(tmp_path, base, ["a" * 30] * 4, max_new_tokens=31)
    assert not told(inspect_rows(asked)["found"]["problems"])
    assert told(inspect_rows({**asked, "evaluate": {"max_new_tokens": 30}})["found"]["problems"])


def test_without_a_limit_it_follows_from_the_longest_expected_answer(
    tmp_path: Path, tiny_llama: Path
) -> None:
    answers = ["<think>" + "r" * 200 + "</think>yes", "no"]  # reasoning is generated too
    longest = len(answers[0]) + 1
    for found in (
        inspect_rows(request(tmp_path, tiny_llama, answers)),
        inspect(request(tmp_path, tiny_llama, answers)),
    ):
        assert found["answers"] == {"rows": 2, "longest": longest, "room": with_room(longest)}
    assert 1.2 * longest <= with_room(longest) <= 1.3 * longest + 8
    assert with_room(3) == 24


def test_what_prompt_and_answer_have_no_room_for_is_told_before_anything_is_trained(
    tmp_path: Path, tiny_llama: Path
) -> None:
    found = inspect_rows(request(tmp_path, tiny_llama, ["a" * 2040]))[
        "found"
    ]  # the base knows 2,048 positions
    assert "takes 2,048 tokens, prompt and answer together" in told(found["problems"])[0]
    bounded = inspect(request(tmp_path, tiny_llama, ["a" * 1800]))
    assert not bounded["problems"] and 1801 < bounded["answers"]["room"] < 2048


def test_prepare_records_the_limit_that_answers_cards_and_pages_use(
    make_run: Any, tmp_path: Path, tiny_llama: Path, step: Any
) -> None:
    (tmp_path / "data").mkdir()
    asked = request(tmp_path / "data", tiny_llama, ["a" * 30] * 4, baselines=["zero-shot"], forgetting=False)
    run = make_run(
        **asked, steps=[{"name": "prepare", "stage": "prepare", "requirements": "core", "argv": []}]
    )
    done, failure = step("prepare", run)
    assert (done.returncode, failure) == (0, {}), done.stderr
    assert json.loads((run / "work" / "prepared.json").read_text())["answers"]["room"] == 48
    done, failure = step("answer", run)
    assert (done.returncode, failure) == (0, {}), done.stderr
    recorded = [json.loads(line) for line in (run / "answers" / "zero-shot.jsonl").read_text().splitlines()]
    assert all(one["completion_tokens"] <= 48 for one in recorded)
    assert all(one.get("cut", False) == (one["completion_tokens"] == 48) for one in recorded)
    report = build(run)
    assert report["max_new_tokens"] == 48
    assert report["methods"]["zero-shot"]["cut"] == sum(one.get("cut", False) for one in recorded)
    job = json.loads((run / "job.json").read_text())
    (run / "job.json").write_text(json.dumps({**job, "evaluate": {**job["evaluate"], "max_new_tokens": 4}}))
    done, failure = step("prepare", run)
    assert failure["reason"] == "data_invalid" and failure["message"].startswith(f"{KEY}: 4 is less than")


def test_of_many_test_rows_the_long_ones_are_still_counted(
    tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["hf_recipes.steps.prepare.rules.answer_length"], "MANY", 4)
    answers = ["a" * 10] * 10 + ["b" * 70] * 5 + ["c" * 10] * 10 + ["d" * 80] * 5
    found = inspect_rows(request(tmp_path, tiny_llama, answers, max_new_tokens=64))
    assert found["answers"] == {"rows": 30, "longest": 81, "room": 104, "limit": 64, "longer": 10}


def record(run: Path, answers: Mapping[str, Sequence[tuple[str, bool]]], references: Sequence[str]) -> None:
    """Method → an answer a row, and whether it was cut."""
    (run / "answers").mkdir(exist_ok=True)
    for method, said in answers.items():
        lines = [
            {
                "row": row, "method": method, "answer": text, "reference": reference, "prompt_tokens": 9,
                "completion_tokens": 6, "seconds": 0.1, "weights": TOKENS[method], **({"cut": True} if ended else {}),
            }
            for row, ((text, ended), reference) in enumerate(zip(said, references, strict=True))
        ]  # fmt: skip
        (run / "answers" / f"{method}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        (run / "answers" / f"{method}.json").write_text(json.dumps({"max_new_tokens": 6}))


LABELS = [f"card payment label number {row % 7}" for row in range(200)]
"""None of them fits into six tokens."""


def cut_models() -> dict[str, list[tuple[str, bool]]]:
    """What 200 rows come to with six tokens: the fine-tuned model is on the way to the right label in 62 rows, the base in 34."""
    short = [(label[:12], True) for label in LABELS]
    wrong = [("refund", False)] * 200
    return {"zero-shot": short[:34] + wrong[34:], "fine-tuned": short[:62] + wrong[62:]}


def test_a_limit_that_hides_the_difference_is_no_measurement(tmp_path: Path) -> None:
    """At c340ea0: no difference, the best baseline does as well."""
    record(tmp_path, cut_models(), LABELS)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "prepared.json").write_text('{"answers": {"room": 32}}')
    write(tmp_path)
    report = json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["verdict"]["decision"] == "not-measured"
    assert report["verdict"]["reason"].startswith(
        "Too many answers were cut to tell: zero-shot 34 of 200 and fine-tuned 62 of 200 answers ended at the limit of 6 tokens "
        "(evaluate.max_new_tokens)"
    )
    assert "Set evaluate.max_new_tokens to 32, or leave it out" in report["verdict"]["reason"]
    assert [report["methods"][name]["cut"] for name in ("zero-shot", "fine-tuned")] == [34, 62]
    markdown, page = ((tmp_path / "report" / name).read_text() for name in ("report.md", "report.html"))
    assert "| cut at 6 tokens |" in markdown and "| 62 of 200 |" in markdown
    assert "cut at 6 tokens" in page and "62 of 200" in page and "Not measured: answers were cut" in page
    whole = {
        method: [(label if ended else text, False) for label, (text, ended) in zip(LABELS, said, strict=True)]
        for method, said in cut_models().items()
    }
    record(tmp_path, whole, LABELS)
    assert build(tmp_path)["verdict"]["decision"] == "fine-tuned"  # what was true all the time


def test_answers_that_ramble_are_counted_and_change_no_verdict(tmp_path: Path) -> None:
    rambling = [("Sure! Here is the label that", True)] * 200
    record(tmp_path, {"zero-shot": rambling, "fine-tuned": [(label, False) for label in LABELS]}, LABELS)
    report = build(tmp_path)
    assert report["verdict"]["decision"] == "fine-tuned"
    assert report["verdict"]["reason"].endswith(
        "Zero-shot 200 of 200 answers ended at the limit of 6 tokens (evaluate.max_new_tokens); however they would have continued, the "
        "decision is the same."
    )
    assert report["methods"]["zero-shot"]["could_be"]["exact_match"]["most"]["value"] == 0
    few = [("Sure! Here is", True)] * 10 + [("no", False)] * 190
    record(tmp_path, {"zero-shot": few, "fine-tuned": [(label, False) for label in LABELS]}, LABELS)
    report = build(tmp_path)
    assert "limit" not in report["verdict"]["reason"] and report["methods"]["zero-shot"]["cut"] == 10


def test_a_bound_that_hangs_on_cut_answers_is_not_met_and_says_why(tmp_path: Path) -> None:
    said = [(label, False) for label in LABELS[:170]] + [(label[:12], True) for label in LABELS[170:]]
    record(tmp_path, {"zero-shot": [("no", False)] * 200, "fine-tuned": said}, LABELS)
    require = {"exact_match": {"at_least": 0.9, "better_than": "best_baseline"}}
    (tmp_path / "job.json").write_text(
        json.dumps({**JOB, "evaluate": {"metrics": [{"name": "exact_match"}], "require": require}})
    )
    report = build(tmp_path)
    at_least, better = report["gate"]
    assert (
        not at_least["met"] and "fine-tuned 30 of 200 answers ended at the limit" in at_least["not_measured"]
    )
    assert better["met"] and "not_measured" not in better  # at the worst it is 170 to 0
    assert report["verdict"]["decision"] == "fine-tuned"
    assert "exact\\_match at least 90%: not measured. Fine-tuned 30 of 200 answers ended" in render_markdown(
        report
    )
    require["exact_match"]["at_least"] = 0.8
    (tmp_path / "job.json").write_text(
        json.dumps({**JOB, "evaluate": {"metrics": [{"name": "exact_match"}], "require": require}})
    )
    assert [one["met"] for one in build(tmp_path)["gate"]] == [True, True]


@pytest.mark.parametrize(
    ("metric", "said", "expected", "open_"),
    [
        ("exact_match", "card pay", "card payment", True),
        ("exact_match", "Card pay", "card payment", False),
        ("normalised_match", "Card pay", "card payment", True),
        ("accuracy", "refund ", "card payment", False),
        ("json_f1", '{"qty": "3", "un', '{"qty": "3"}', True),
        ("json_f1", '{"qty": "3"}\n\nHere', '{"qty": "3"}', False),
        ("json_valid", "Sure! {", "{}", False),
        ("number_match", "so 3 and", "4", True),
        ("sql_execution", "SELECT a FROM t WHERE", "SELECT a FROM t", True),
        ("sql_execution", "SELECT a FROM t; This gives", "SELECT a FROM t", False),
        ("sql_execution", "To answer this", "SELECT a FROM t", False),
        ("exact_match", "caf\ufffd", "café", True),
        ("number_match", "It is 3. " * 12, "4", False),
        ("rougeL", "It is 3. " * 12 + "It i", "It is four", False),
        ("exact_match", "0, " * 40, "0, " * 60 + "1", True),
        ("number_match", "a b c a b c 1 2 3 4 5 6 7", "4", True),
    ],
)
def test_what_a_cut_answer_may_still_become(metric: str, said: str, expected: str, open_: bool) -> None:
    answer = Answer(0, said, expected, 1, 6, 0.1, "base:0", cut=True)
    assert cut.may_be_right(metric, answer) is open_


@pytest.mark.parametrize("metric", ["rougeL", "chrf", "macro_f1", "exact_match"])
def test_graded_metrics_have_both_ends(metric: str, tmp_path: Path) -> None:
    record(tmp_path, cut_models(), LABELS)
    (tmp_path / "job.json").write_text(json.dumps({**JOB, "evaluate": {"metrics": [{"name": metric}]}}))
    found = build(tmp_path)["methods"]["fine-tuned"]
    could, value = found["could_be"][metric], found["metrics"][metric]["value"]
    assert could["least"]["value"] <= value <= could["most"]["value"]
    assert could["most"]["value"] > could["least"]["value"]
