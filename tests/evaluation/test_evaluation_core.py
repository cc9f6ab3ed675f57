"""What the core reads of an evaluation: recorded answers and reports, without any library for measuring."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.data.measurable import tables
from hf_recipes.evaluation import findings
from hf_recipes.evaluation.answers import EvaluationFailed, read_answers, read_questions
from hf_recipes.evaluation.report import render_markdown

BLOCKED = {"numpy", "scipy", "sklearn", "sacrebleu", "rouge_score", "httpx2"}


def test_answers_reports_and_verdicts_are_read_where_nothing_can_be_measured() -> None:
    code = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ImportError(name + " is blocked in the core")
sys.meta_path.insert(0, Block())
import hf_recipes.evaluation.answers, hf_recipes.evaluation.report, hf_recipes.evaluation.verdict, hf_recipes.evaluation.gate
import hf_recipes.evaluation.build, hf_recipes.evaluation.write, hf_recipes.evaluation.metrics
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def old_report() -> dict[str, Any]:
    """As runs of before comparisons, savings and forgetting left it."""

    def method(value: float) -> dict[str, Any]:
        number = {"exact_match": {"value": value, "low": value - 0.1, "high": value + 0.1}}
        return {
            "metrics": number,
            "prompt_tokens": 700,
            "completion_tokens": 440,
            "seconds": 3.0,
            "weights": "x",
        }

    return {
        "schema": 1,
        "n": 20,
        "methods": {"zero-shot": method(0.2), "fine-tuned": method(0.8)},
        "verdict": {"decision": "fine-tuned", "reason": "It is better: 16 of 20."},
    }


def test_an_old_report_is_rendered() -> None:
    text = render_markdown(old_report())
    assert "| fine-tuned | 80.0% (70.0% to 90.0%) | 35.0 | 22.0 | 3.0 |" in text
    assert "**Verdict: fine-tuned.** It is better: 16 of 20." in text
    assert "a request takes" not in text and "General text" not in text and "minus" not in text


def test_a_metric_that_one_method_lacks_leaves_its_cell_in_words() -> None:
    report = old_report()
    report["methods"]["fine-tuned"]["metrics"]["likelihood"] = {"value": 0.5, "low": 0.4, "high": 0.6}
    [zero] = [line for line in render_markdown(report).splitlines() if line.startswith("| zero-shot")]
    assert zero.split(" | ")[2] == "not measured"


def tables_in(markdown: str) -> list[list[list[str]]]:
    """The cells of each table, row by row, without the line below the head."""
    found = []
    for block in markdown.split("\n\n"):
        lines = [
            line for line in block.splitlines() if line.startswith("| ") and not line.startswith("| ---")
        ]
        if lines:
            found.append([line.strip("| ").split(" | ") for line in lines])
    return found


def test_many_metrics_make_the_report_longer_and_not_wider() -> None:
    report = old_report()
    for name in ("json_f1", "chrf", "bleu", "rouge1", "rougeL"):
        for method, value in (("zero-shot", 0.25), ("fine-tuned", 0.75)):
            report["methods"][method]["metrics"][name] = {"value": value, "low": value, "high": value}
    report["verdict"]["metric"] = "chrf"
    methods, metrics = tables_in(render_markdown(report))
    assert methods[0] == [
        "method",
        "chrf (95 % interval)",
        "prompt tokens a row",
        "answer tokens a row",
        "seconds",
    ]
    assert methods[2] == ["fine-tuned", "75.0% (75.0% to 75.0%)", "35.0", "22.0", "3.0"]
    assert metrics[0] == ["metric (95 % interval)", "zero-shot", "fine-tuned"]
    assert [row[0] for row in metrics[1:]] == ["exact\\_match", "json\\_f1", "bleu", "rouge1", "rougeL"]
    assert metrics[1] == ["exact\\_match", "20.0% (10.0% to 30.0%)", "80.0% (70.0% to 90.0%)"]


def test_a_long_answer_is_cut_in_the_table_of_misses() -> None:
    report = {**old_report(), "misses": [{"row": 3, "answer": "no " * 1000, "reference": "yes"}]}
    _, misses = tables_in(render_markdown(report))
    assert misses[1][0] == "3" and misses[1][2] == "yes"
    assert len(misses[1][1]) < 400 and misses[1][1].endswith("no … (3,000 characters)")


def line(**more: Any) -> str:
    one = {
        "row": 0,
        "method": "zero-shot",
        "answer": "a",
        "reference": "b",
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "seconds": 1,
        "weights": "base:0",
    }
    return json.dumps({**one, **more})


def test_what_was_recorded_beside_an_answer_is_read(tmp_path: Path) -> None:
    more = {
        "prompt": [{"role": "user", "content": "q"}],
        "cached": True,
        "reference_nll": 3,
        "reference_tokens": 2,
        "sources": [],
    }
    (tmp_path / "zero-shot.jsonl").write_text(line(**more))
    one = read_answers(tmp_path)["zero-shot"][0]
    assert (one.prompt, one.cached) == (more["prompt"], True)
    assert (one.reference_nll, one.reference_tokens) == (3.0, 2)
    (tmp_path / "zero-shot.jsonl").write_text(line())
    one = read_answers(tmp_path)["zero-shot"][0]
    assert (one.prompt, one.cached, one.reference_nll, one.reference_tokens) == (None, False, None, None)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"prompt": "q"}, "its messages are no list"),
        ({"reference_nll": -1, "reference_tokens": 2}, "not a likelihood"),
        ({"reference_nll": 1}, "reference_tokens is not a count"),
    ],
)
def test_what_cannot_have_been_recorded_is_refused(tmp_path: Path, more: dict[str, Any], says: str) -> None:
    (tmp_path / "zero-shot.jsonl").write_text(line(**more))
    with pytest.raises(EvaluationFailed, match=says):
        read_answers(tmp_path)


def test_a_reference_answers_in_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "reference.jsonl").write_text(line(method="reference", weights="reference:big"))
    assert list(read_answers(tmp_path)) == ["reference"]
    (tmp_path / "reference.jsonl").write_text(line(method="reference"))
    with pytest.raises(EvaluationFailed, match="reference was answered by 'base:0'"):
        read_answers(tmp_path)


def test_questions_are_read_by_row(tmp_path: Path) -> None:
    assert read_questions(tmp_path) == {}
    asked = [{"role": "user", "content": "q"}]
    (tmp_path / "questions.jsonl").write_text(
        json.dumps({"row": 3, "messages": asked, "reference": "b"}) + "\n\n"
    )
    assert read_questions(tmp_path) == {3: asked}
    (tmp_path / "questions.jsonl").write_text('{"row": 3}')
    with pytest.raises(EvaluationFailed, match=r"questions\.jsonl, line 1, is not a recorded question"):
        read_questions(tmp_path)


def test_tables_are_found_in_what_people_write() -> None:
    text = "Schema: create table a (x INT, y VARCHAR(10)), CREATE TABLE b (z REAL); CREATE TABLE broken (x"
    found = tables([{"role": "system", "content": text}, {"role": "user", "content": text}])
    assert found == ["create table a (x INT, y VARCHAR(10))", "CREATE TABLE b (z REAL)"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"value": 0.89999, "at_least": 0.9}, "89.999%"),
        ({"value": 0.5, "at_least": 0.9}, "50.0%"),
        ({}, "not measured"),
        ({"value": "damaged"}, "damaged"),
    ],
)
def test_a_bound_that_is_not_met_never_looks_met(value: dict[str, object], said: str) -> None:
    gate = {"metric": "exact_match", "bound": "at least 0.9", "met": False, **value}
    assert findings.unmet(gate) == f"exact_match is {said}, required: at least 0.9"


def test_a_report_says_what_examples_were_drawn_from() -> None:
    rows = {"kind": "training rows", "count": 549, "trained_on": 50}
    shots, passages = {"drawn_from": rows}, {"drawn_from": {"kind": "passages", "count": 1204}}
    assert (
        findings.drawn_from({"methods": {"zero-shot": {}, "few-shot": shots, "retrieval": shots}})
        == "few-shot and retrieval drew from 549 training rows; 50 of them were trained on (data.limit)."
    )
    assert (
        findings.drawn_from({"methods": {"retrieval": passages, "fine-tuned": {}}})
        == "retrieval drew from 1,204 passages."
    )
    assert findings.drawn_from({"methods": {"zero-shot": {}, "few-shot": {}}}) == ""


def test_a_metric_that_says_otherwise_than_the_verdict_is_named() -> None:
    report: dict[str, Any] = {
        "methods": {"few-shot": {"metrics": {"exact_match": {}, "json_f1": {}, "chrf": {}}}},
        "verdict": {"metric": "exact_match", "decision": "fine-tuned", "against": "few-shot"},
        "comparisons": {
            "exact_match": {"few-shot": {"p": 0.001, "difference": 0.2}},
            "json_f1": {
                "few-shot": {"p": 0.004, "difference": -0.1},
                "zero-shot": {"p": 0.004, "difference": -0.1},
            },
            "chrf": {"few-shot": {"p": 0.2, "difference": -0.1}},
        },
    }
    by = "The verdict is based on exact_match, the recipe's first metric."
    assert findings.decided_by(report) == f"{by} By json_f1 few-shot is better (p = 0.004)."
    report["verdict"]["decision"] = "no-difference"
    report["comparisons"]["json_f1"]["few-shot"]["difference"] = 0.1
    assert findings.decided_by(report) == f"{by} By json_f1 fine-tuned is better (p = 0.004)."
    report["verdict"]["decision"] = "fine-tuned"
    assert findings.decided_by(report) == by


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"requests_to_pay_back": 400},
            "Training took 100 s and has paid for itself, in time, after 400 requests.",
        ),
        (
            {"not_paid_back": "it is worse"},
            "Training took 100 s. No break-even point is reported: it is worse.",
        ),
        ({"seconds_saved": -0.1}, "Training took 100 s, which is never recovered: requests are not faster."),
        ({"seconds_saved": 0.1}, "Training took 100 s."),
    ],
)
def test_that_training_paid_for_itself_is_said_or_why_not(more: dict[str, Any], said: str) -> None:
    assert findings.pays_back({"against": "few-shot", "training_seconds": 100.0, **more}) == said


def test_a_bound_that_nobody_can_say_of_whether_it_holds_is_told_apart_from_one_that_is_missed() -> None:
    gate = {
        "metric": "accuracy",
        "bound": "at least 90%",
        "value": 0.85,
        "met": False,
        "not_measured": "30 of 200 were cut.",
    }
    said = "accuracy at least 90%: not measured. 30 of 200 were cut."
    assert findings.unmet(gate) == said
    text = render_markdown({**old_report(), "gate": [gate]})
    assert said in text
