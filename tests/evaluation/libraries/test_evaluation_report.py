"""From recorded answers to a report: the real files, the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.evaluation.answers import EvaluationFailed
from hf_recipes.evaluation.build import build
from hf_recipes.evaluation.report import render_markdown
from hf_recipes.evaluation.write import write

N = 100
BASE, TUNED = "base:0123456789ab", "fine-tuned:ba9876543210"
WEIGHTS = {"fine-tuned": TUNED, "reference": "reference:big-model"}


def record(run: Path, method: str, right: int, n: int = N, **changed: Any) -> Path:
    """`n` recorded answers, the first `right` of them right; `changed` goes into every line."""
    lines = []
    for row in range(n):
        one = {
            "row": row,
            "method": method,
            "answer": f"answer {row}" if row < right else "wrong",
            "reference": f"answer {row}",
            "prompt_tokens": 40,
            "completion_tokens": 10,
            "seconds": 0.5,
            "weights": WEIGHTS.get(method, BASE),
        }
        lines.append(json.dumps({**one, **changed}))
    (run / "answers").mkdir(exist_ok=True, parents=True)
    file = run / "answers" / f"{method}.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def job(run: Path, require: Mapping[str, Any], metrics: Sequence[Any] = ("exact_match",)) -> None:
    named = [metric if isinstance(metric, dict) else {"name": metric} for metric in metrics]
    job = {
        "task": "lm_training",
        "base_model": "ada/tiny",
        "evaluate": {"metrics": named, "require": require},
    }
    (run / "job.json").write_text(json.dumps(job))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with all three methods answered and no bounds."""
    for method, right in (("zero-shot", 0), ("few-shot", 12), ("fine-tuned", 96)):
        record(tmp_path, method, right)
    return tmp_path


def test_the_report_has_the_promised_shape(run: Path) -> None:
    report = build(run)
    assert (report["schema"], report["n"], report["rows"]) == (1, N, list(range(N)))
    assert list(report["methods"]) == ["zero-shot", "few-shot", "fine-tuned"]
    tuned = report["methods"]["fine-tuned"]
    assert tuned["metrics"]["exact_match"]["value"] == pytest.approx(0.96)
    assert tuned["metrics"]["exact_match"]["low"] == pytest.approx(0.9016, abs=1e-4)
    assert tuned["metrics"]["exact_match"]["high"] == pytest.approx(0.9843, abs=1e-4)
    assert (tuned["prompt_tokens"], tuned["completion_tokens"], tuned["seconds"]) == (4000, 1000, 50)
    assert tuned["weights"] == TUNED
    assert report["verdict"]["decision"] == "fine-tuned"
    assert "96 of 100" in report["verdict"]["reason"]
    assert "few-shot 12 of 100" in report["verdict"]["reason"]
    assert "gate" not in report
    assert [miss["row"] for miss in report["misses"]] == [96, 97, 98, 99]


def test_expected_queries_that_give_nothing_stand_apart(tmp_path: Path) -> None:
    nothing = "SELECT a FROM t WHERE 1 = 2"
    for method, answer in (("few-shot", "SELECT a FROM t"), ("fine-tuned", nothing)):
        lines = record(tmp_path, method, 0, n=3, answer=answer, reference=nothing).read_text().splitlines()
        last = {**json.loads(lines[2]), "answer": "SELECT 1", "reference": "SELECT 1"}
        (tmp_path / "answers" / f"{method}.jsonl").write_text("\n".join([*lines[:2], json.dumps(last)]))
    asked = {"messages": [{"role": "user", "content": "CREATE TABLE t (a INT)"}], "reference": ""}
    questions = [json.dumps({"row": row, **asked}) for row in range(3)]
    (tmp_path / "answers" / "questions.jsonl").write_text("\n".join(questions))
    job(tmp_path, {}, metrics=["sql_execution"])
    report = build(tmp_path)
    right = {"few-shot": 0, "fine-tuned": 2}
    assert report["expected_queries"] == {"failing": 0, "empty": 2, "right_on_empty": right}
    said = "2 of 3 expected queries give nothing, so that any query that gives nothing is right there"
    assert said in render_markdown(report) and "few-shot 0 and fine-tuned 2" in render_markdown(report)


def test_rows_that_contradict_each_other_bound_what_can_be_right(run: Path) -> None:
    assert "most_right" not in build(run)
    question = [{"role": "user", "content": "the same"}]
    lines = [json.dumps({"row": row, "messages": question, "reference": ""}) for row in range(3)]
    (run / "answers" / "questions.jsonl").write_text("\n".join(lines))
    report = build(run)
    assert report["most_right"] == 98
    assert "in more than 98 of the 100 rows (98.0%)" in render_markdown(report)


def test_what_was_not_measured_is_absent(tmp_path: Path) -> None:
    record(tmp_path, "fine-tuned", 90)
    report = build(tmp_path)
    assert list(report["methods"]) == ["fine-tuned"]
    assert "verdict" not in report
    assert "No verdict" in render_markdown(report)
    (tmp_path / "answers/fine-tuned.jsonl").unlink()
    record(tmp_path, "zero-shot", 3)
    report = build(tmp_path)
    assert "verdict" not in report
    assert "misses" not in report


def test_the_same_answers_under_two_names_are_no_difference(tmp_path: Path) -> None:
    record(tmp_path, "few-shot", 50)
    record(tmp_path, "fine-tuned", 50)
    assert build(tmp_path)["verdict"]["decision"] == "no-difference"


@pytest.mark.parametrize(
    ("bound", "met"),
    [
        ({"at_least": 0.9, "better_than": "best_baseline"}, [True, True]),
        ({"at_least": 0.97, "better_than": None}, [False]),
        ({"at_least": 0.96, "better_than": "zero-shot"}, [True, True]),
        ({"at_least": None, "better_than": "retrieval"}, [False]),
    ],
)
def test_the_gate_holds_the_bounds_of_the_recipe(run: Path, bound: dict[str, Any], met: list[bool]) -> None:
    job(run, {"exact_match": bound})
    gate = build(run)["gate"]
    assert [one["met"] for one in gate] == met
    assert all(one["metric"] == "exact_match" and one["value"] == pytest.approx(0.96) for one in gate)


def test_better_than_asks_for_more_than_luck(tmp_path: Path) -> None:
    record(tmp_path, "few-shot", 50)
    record(tmp_path, "fine-tuned", 53)
    job(tmp_path, {"exact_match": {"better_than": "best_baseline"}})
    assert [one["met"] for one in build(tmp_path)["gate"]] == [False]


def test_a_gate_over_what_was_not_measured_is_not_met(tmp_path: Path) -> None:
    record(tmp_path, "few-shot", 50)
    job(tmp_path, {"exact_match": {"at_least": 0.1, "better_than": "best_baseline"}})
    gate = build(tmp_path)["gate"]
    assert [one["met"] for one in gate] == [False, False]
    assert all("value" not in one for one in gate)
    assert "not measured" in render_markdown(build(tmp_path))


def test_every_metric_is_measured_compared_and_bounded(run: Path) -> None:
    bounds = {
        "chrf": {"at_least": 0.9, "better_than": "best_baseline"},
        "macro_f1": {"better_than": "zero-shot"},
    }
    job(run, bounds, metrics=["exact_match", {"name": "chrf", "options": {}}, "macro_f1"])
    report = build(run)
    for one in report["methods"].values():
        assert list(one["metrics"]) == ["exact_match", "chrf", "macro_f1"]
        assert all(m["low"] <= m["value"] <= m["high"] for m in one["metrics"].values())
    assert list(report["comparisons"]) == ["exact_match", "chrf", "macro_f1"]
    few = report["comparisons"]["exact_match"]["few-shot"]
    assert few["difference"] == pytest.approx(0.84)
    assert few["low"] < 0.84 < few["high"] and few["p"] < 0.001
    assert (few["test"], few["wins"], few["losses"]) == ("mcnemar", 84, 0)
    assert report["comparisons"]["chrf"]["few-shot"]["test"] == "permutation"
    assert [(one["metric"], one["met"]) for one in report["gate"]] == [
        ("chrf", True),
        ("chrf", True),
        ("macro_f1", True),
    ]
    assert report["verdict"]["metric"] == "exact_match"
    assert report["statistics"] == {"resamples": 2000, "permutations": 9999, "seed": 20260}
    text = render_markdown(report)
    assert "| few-shot | exact\\_match | +84.0 (" in text and "2,000 resamples" in text


def test_a_reference_is_shown_and_decides_nothing(run: Path) -> None:
    job(run, {"exact_match": {"better_than": "best_baseline"}})
    alone = build(run)
    record(run, "reference", 100)
    report = build(run)
    assert list(report["methods"]) == ["zero-shot", "few-shot", "reference", "fine-tuned"]
    assert report["methods"]["reference"]["metrics"]["exact_match"]["value"] == 1
    for part in ("comparisons", "verdict", "gate", "savings"):
        assert report[part] == alone[part]
    assert "the verdict and the bounds leave it out" in render_markdown(report)


def test_a_reference_that_did_not_answer_is_named_with_why(run: Path) -> None:
    why = "evaluate.reference: http://127.0.0.1:9/v1 cannot be reached (<b>)"
    (run / "answers" / "notes.json").write_text(json.dumps({"reference": why, "few-shot": "answered since"}))
    write(run)
    report = json.loads((run / "report" / "report.json").read_text())
    assert report["notes"] == {"reference": why}
    markdown, page = ((run / "report" / name).read_text() for name in ("report.md", "report.html"))
    assert (
        "Not measured: reference. evaluate.reference: http://127.0.0.1:9/v1 cannot be reached (\\<b\\>)."
        in markdown
    )
    assert "Not measured: reference. evaluate.reference" in page and "reached (&lt;b&gt;)" in page
    (run / "answers" / "notes.json").unlink()
    assert "notes" not in build(run)


def test_tokens_and_seconds_saved_and_when_training_is_paid_back(run: Path) -> None:
    record(run, "few-shot", 12, prompt_tokens=240, seconds=0.75)
    record(run, "fine-tuned", 96, cached=True)
    assert "training_seconds" not in build(run)["savings"]  # nobody wrote down how long it took
    events = [
        {"stage": "train", "step": 1},
        {"stage": "train", "train_runtime": 100.1},
        {"stage": "evaluate", "train_runtime": 1},
    ]
    (run / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events) + "{half")
    report = build(run)
    saved = report["savings"]
    assert (saved["against"], saved["prompt_tokens_saved"], saved["completion_tokens_saved"]) == (
        "few-shot",
        200,
        0,
    )
    assert saved["seconds_saved"] == pytest.approx(0.25)
    assert (saved["training_seconds"], saved["requests_to_pay_back"]) == (100.1, 401)
    assert "100 cached answers" in saved["basis"] and report["methods"]["fine-tuned"]["cached"] == 100
    text = render_markdown(report)
    assert "Against few-shot, a request takes 200.0 prompt tokens less" in text
    assert "Training took 100 s and has paid for itself, in time, after 401 requests" in text
    assert "100 cached answers" in text
    record(run, "few-shot", 12, seconds=0.4)
    slower = build(run)
    assert "requests_to_pay_back" not in slower["savings"]
    assert "which is never recovered" in render_markdown(slower)


def forgot(run: Path, more: float) -> dict[str, Any]:
    """Twenty texts of 10 tokens, each with so many nats a token more than before."""
    base = [30.0 + text for text in range(20)]
    tuned = [nats + 10 * more + (-1) ** text * 0.2 for text, nats in enumerate(base)]
    sides = {"base": {"nll": base, "weights": BASE}, "fine-tuned": {"nll": tuned, "weights": TUNED}}
    (run / "answers/forgetting.json").write_text(json.dumps({"texts": 20, "tokens": 200, **sides}))
    found: dict[str, Any] = build(run)["forgetting"]
    return found


def test_forgetting_is_flagged_beyond_the_threshold(run: Path) -> None:
    assert "forgetting" not in build(run)
    found = forgot(run, 0.5)
    assert (found["base"], found["difference"], found["flagged"]) == (3.95, pytest.approx(0.5), True)
    assert found["low"] < 0.5 < found["high"] and "perplexity" in found["why"]
    assert "**Forgetting detected.**" in render_markdown(build(run))
    assert "worse at general text than the threshold of 0.1 allows" in render_markdown(build(run))
    assert forgot(run, 0.05)["flagged"] is False
    assert "not worse at general text beyond the threshold of 0.1" in render_markdown(build(run))
    (run / "answers/forgetting.json").write_text('{"tokens": 0}')
    with pytest.raises(EvaluationFailed, match=r"forgetting\.json is not a recorded measurement"):
        build(run)


def test_every_row_is_written_with_its_answers_and_their_values(run: Path) -> None:
    job(run, {}, metrics=["exact_match", "chrf"])
    asked = [
        {"row": row, "messages": [{"role": "user", "content": f"q {row}"}], "reference": "r"}
        for row in range(N)
    ]
    (run / "answers/questions.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked))
    record(run, "few-shot", 12, prompt=[{"role": "user", "content": "example, then q"}])
    write(run)
    rows = [json.loads(line) for line in (run / "report/rows.jsonl").read_text().splitlines()]
    assert [one["row"] for one in rows] == list(range(N))
    assert (
        rows[50]["messages"] == [{"role": "user", "content": "q 50"}] and rows[50]["reference"] == "answer 50"
    )
    tuned, few = rows[50]["answers"]["fine-tuned"], rows[50]["answers"]["few-shot"]
    assert (tuned["answer"], tuned["scores"]) == ("answer 50", {"exact_match": 1.0, "chrf": 1.0})
    assert few["prompt"][0]["content"] == "example, then q" and "prompt" not in tuned
    assert few["scores"]["exact_match"] == 0 and 0 <= few["scores"]["chrf"] < 1


def test_a_likelihood_is_absent_where_it_was_not_recorded(run: Path) -> None:
    job(run, {"likelihood": {"at_least": 0.1}}, metrics=["exact_match", "likelihood"])
    record(run, "fine-tuned", 96, reference_nll=2.0, reference_tokens=4)
    report = build(run)
    assert report["methods"]["fine-tuned"]["metrics"]["likelihood"]["value"] == pytest.approx(
        0.6065, abs=1e-4
    )
    assert "likelihood" not in report["methods"]["few-shot"]["metrics"]
    assert list(report["comparisons"]) == ["exact_match"]
    assert report["gate"][0]["met"] is True
    job(run, {}, metrics=["likelihood"])
    assert "verdict" not in build(run) and "No verdict" in render_markdown(build(run))


def drop_a_row(run: Path) -> None:
    record(run, "few-shot", 12, n=N - 1)


def tuned_pane_answered_by_the_base(run: Path) -> None:
    record(run, "fine-tuned", 96, weights=BASE)


def base_answered_by_the_tuned(run: Path) -> None:
    record(run, "zero-shot", 0, weights=TUNED)


def two_bases(run: Path) -> None:
    record(run, "zero-shot", 0, weights="base:ffffffffffff")


def weights_change_half_way(run: Path) -> None:
    file = record(run, "fine-tuned", 96)
    file.write_text(file.read_text().replace(TUNED, "fine-tuned:ffffffffffff", 30))


def other_references(run: Path) -> None:
    record(run, "few-shot", 12, reference="easier")


def broken_line(run: Path) -> None:
    file = run / "answers/few-shot.jsonl"
    file.write_text(file.read_text()[:-20])


def answered_twice(run: Path) -> None:
    file = run / "answers/few-shot.jsonl"
    file.write_text(file.read_text() + file.read_text())


def negative_time(run: Path) -> None:
    record(run, "few-shot", 12, seconds=-1)


def not_text(run: Path) -> None:
    (run / "answers/few-shot.jsonl").write_bytes(b'{"row": "\xff"}\n')


def wrong_method(run: Path) -> None:
    (run / "answers/few-shot.jsonl").write_text((run / "answers/zero-shot.jsonl").read_text())


def empty(run: Path) -> None:
    (run / "answers/few-shot.jsonl").write_text("")


def unknown_metric(run: Path) -> None:
    job(run, {}, metrics=["bleurt"])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (drop_a_row, "row 99 is in one only"),
        (tuned_pane_answered_by_the_base, "fine-tuned was answered by 'base:0123456789ab'"),
        (base_answered_by_the_tuned, "zero-shot was answered by 'fine-tuned:ba9876543210'"),
        (two_bases, "answered by different weights"),
        (weights_change_half_way, "more than one set of weights"),
        (other_references, "different references in row 0"),
        (broken_line, "few-shot.jsonl, line 100, is not a recorded answer"),
        (answered_twice, "line 101: row 0 was already answered"),
        (negative_time, "seconds is not a time"),
        (not_text, "line 1, is not a recorded answer"),
        (wrong_method, "its method is 'zero-shot'"),
        (empty, "holds no answers"),
        (unknown_metric, "There is no metric 'bleurt'; known: exact_match"),
    ],
)
def test_answers_that_contradict_each_other_make_no_report(run: Path, damage: Any, says: str) -> None:
    build(run)
    damage(run)
    with pytest.raises(EvaluationFailed) as failure:
        build(run)
    assert says in str(failure.value)


def test_markdown_shows_numbers_with_their_intervals(run: Path) -> None:
    job(run, {"exact_match": {"at_least": 0.97}})
    text = render_markdown(build(run))
    assert "| fine-tuned | 96.0% (90.2% to 98.4%) | 40.0 | 10.0 | 0 of 100 | 50.0 |" in text
    assert "**Verdict: fine-tuned.**" in text
    assert "| exact\\_match at least 97% | 96.0% | **no** |" in text


def test_what_a_model_wrote_cannot_break_out_of_the_table(run: Path) -> None:
    hostile = "a | b\n# title\n<img src=x onerror=alert(1)> [x](javascript:y) `c` \u202e **bold** ![i](u)"
    record(run, "fine-tuned", 0, answer=hostile)
    lines = render_markdown(build(run)).splitlines()
    shown = [line for line in lines if "onerror" in line]
    assert len(shown) == 5
    for line in shown:
        assert line.replace("\\|", "").count("|") == 4
        for raw in ("<", ">", "[", "]", "`", "*", "#", "!"):
            assert line.replace("\\" + raw, "").count(raw) == 0
        assert "\u202e" not in line
    assert "# title" not in lines


def test_the_command_writes_every_file(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hf_recipes.evaluation.write", str(run)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((run / "report/report.json").read_text())
    assert report == build(run)
    assert (run / "report/report.md").read_text() == render_markdown(report)
    assert sorted(file.name for file in (run / "report").iterdir()) == [
        "report.html",
        "report.json",
        "report.md",
        "rows.jsonl",
    ]


def test_the_command_says_why_it_failed_and_leaves_no_report(run: Path, tmp_path: Path) -> None:
    tuned_pane_answered_by_the_base(run)
    failure = tmp_path / "failure.json"
    done = subprocess.run(
        [sys.executable, "-m", "hf_recipes.evaluation.write", str(run)],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_RECIPES_FAILURE": str(failure)},
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = json.loads(failure.read_text())
    assert said["reason"] == "evaluation_failed"
    assert "fine-tuned was answered by 'base:0123456789ab'" in said["message"]
    assert not (run / "report").exists()


def test_half_a_character_in_an_answer_is_written_all_the_same(run: Path) -> None:
    record(run, "fine-tuned", 0, answer="\ud83d")  # what is left of an emoji when generation stops
    write(run)
    assert json.loads((run / "report/report.json").read_text())["misses"][0]["answer"] == "\ud83d"
    assert "\ud83d" not in (run / "report/report.md").read_text()


def test_a_huge_answer_is_cut_in_the_table_and_whole_in_the_rows(run: Path) -> None:
    record(run, "fine-tuned", 0, answer="x" * 50_000)
    write(run)
    assert len((run / "report/report.md").read_text()) < 20_000
    assert "(50,000 characters)" in (run / "report/report.md").read_text()
    assert "x" * 50_000 in (run / "report/rows.jsonl").read_text()


def test_a_bound_is_held_against_the_value_and_shown_as_it_was_judged(run: Path) -> None:
    for method in ("zero-shot", "few-shot"):
        (run / "answers" / f"{method}.jsonl").unlink()
    right = {"reference": json.dumps(dict.fromkeys("abcde", 1))}
    fields = {name: int(name != "e") for name in "abcde"}  # four of five, in every row: a mean of 0.8
    record(run, "fine-tuned", 0, answer=json.dumps(fields), **right)
    job(run, {"json_f1": {"at_least": 0.8}}, metrics=["json_f1"])
    assert build(run)["gate"][0]["met"] is True and "| 80.0% | yes |" in render_markdown(build(run))
    record(run, "fine-tuned", 2699, n=3000)
    job(run, {"exact_match": {"at_least": 0.9}})
    assert build(run)["gate"][0]["met"] is False and "| 89.97% | **no** |" in render_markdown(build(run))


def test_the_verdict_names_its_metric_where_there_are_several(run: Path) -> None:
    said = "The verdict is based on exact_match, the recipe's first metric."
    write(run)
    for name in ("report.md", "report.html"):
        assert "The verdict is based on" not in (run / "report" / name).read_text()
    job(run, {}, metrics=["exact_match", "chrf"])
    write(run)
    assert said in (run / "report/report.md").read_text().replace("\\_", "_")
    assert said.replace("'", "&#x27;") in (run / "report/report.html").read_text()
