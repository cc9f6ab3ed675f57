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
from hf_recipes.evaluation.report import build, render_markdown
from hf_recipes.evaluation.write import write

N = 100
BASE, TUNED = "base:0123456789ab", "fine-tuned:ba9876543210"


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
            "weights": TUNED if method == "fine-tuned" else BASE,
        }
        lines.append(json.dumps({**one, **changed}))
    (run / "answers").mkdir(exist_ok=True, parents=True)
    file = run / "answers" / f"{method}.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def job(run: Path, require: Mapping[str, Any], metrics: Sequence[str] = ("exact_match",)) -> None:
    (run / "job.json").write_text(json.dumps({"evaluate": {"metrics": list(metrics), "require": require}}))


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
    assert "| fine-tuned | 96.0% (90.2% to 98.4%) | 40.0 | 10.0 | 50.0 |" in text
    assert "**Verdict: fine-tuned.**" in text
    assert "| exact\\_match at least 0.97 | 0.960 | **no** |" in text


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
