"""report.html as a file: what it says, what it leaves out, and that it can do nothing but show."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from evaluation.reported import HOSTILE, full, measured, row, write_run
from hf_recipes.evaluation import page
from hf_recipes.evaluation.answers import EvaluationFailed
from hf_recipes.evaluation.page import charts, record, rows


def words(html: str) -> str:
    """What a person reads of the page, scripts and styles aside."""
    return " ".join(
        unescape(re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", " ", html, flags=re.DOTALL)).split()
    )


def test_the_page_shows_every_number_of_the_report_with_its_interval(tmp_path: Path) -> None:
    said = words(page.of_run(write_run(tmp_path, full(), []), full()))
    for part in (
        "tiny <b>project</b>",
        "300 test rows",
        "Fine-tuning is worth it. Right on 165 rows",
        "95.0% 92.0% to 96.9%",
        "cut at 40 tokens",
        "38.0 22.0 288 of 300 150 ms",
        "38.0 22.0 0 of 300 150 ms",
        "Reference large-model",
        "+54.0 points +48.0 to +60.0 < 0.001 165 3 exact McNemar",
        "Exact match at least 0.9 95.0% yes",
        "JSON F1 at least 0.9 not measured no",
        "262.0 prompt tokens less a request",
        "0.200 answer tokens more a request",
        "0.244 seconds less a request",
        "after 881 requests",
        "Base 3.112 nats a token",
        "+0.039 (+0.021 to +0.055)",
        "Answers of Base, few-shot were taken from the cache",
    ):
        assert part in said, part


def test_what_was_not_measured_is_not_there_and_never_zero(tmp_path: Path) -> None:
    report = {"schema": 1, "n": 2, "methods": {"zero-shot": {"metrics": {"exact_match": {"value": 0.5}}}}}
    html = page.of_run(write_run(tmp_path, report), report)
    said = words(html)
    assert "No verdict" in said and "50.0%" in said and "no report/rows.jsonl" in said
    for absent in (
        "forget",
        "requests",
        "requires",
        "compared",
        "95 % interval",
        "Training loss",
        "length",
        "Cost",
    ):
        assert absent not in said, absent
    assert re.search(r"<td>0[.<]", html) is None


def test_the_page_may_run_its_own_script_and_nothing_else(tmp_path: Path) -> None:
    report = full()
    html = page.of_run(
        write_run(tmp_path, report, [row(0, HOSTILE, HOSTILE, zero_shot=(HOSTILE, 0))]), report
    )
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "http" not in policy
    for tag in ("style", "script"):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    outside = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert re.findall(r"\s(?:src|href|action|srcset|style|on\w+)\s*=\s*[\"'][^#]", outside) == []
    assert "\u202e" not in html and "document.title" not in outside
    html.encode("utf-8")  # also with half a character in an answer


def test_rows_come_back_out_of_the_page_as_they_went_in() -> None:
    given = [
        {**row(7, HOSTILE, "x" * 30, fine_tuned=(HOSTILE, 0.99999))},
        {**row(8, "same", "x" * 30, fine_tuned=("", 1.0))},
    ]
    given[0]["answers"]["fine-tuned"]["prompt"] = [{"role": "user", "content": "with examples"}]
    written = rows.rows_document(given, {"exact_match": "Exact match"}, {"fine-tuned": "Fine-tuned"})
    assert not set("<>&\u2028\u202e\ud83d") & set(written)
    found = json.loads(written)
    texts = found["texts"]
    assert len(texts) == len(set(texts))
    for before, after in zip(given, found["rows"], strict=True):
        assert after["r"] == before["row"]
        assert [(role, texts[place]) for role, place in after["m"]] == [
            (one["role"], one["content"]) for one in before["messages"]
        ]
        assert texts[after["e"]] == before["reference"]
        assert texts[after["a"]["fine-tuned"]["t"]] == before["answers"]["fine-tuned"]["answer"]
    almost, right = (one["a"]["fine-tuned"]["s"]["exact_match"] for one in found["rows"])
    assert almost < 1 and right == 1
    assert [texts[place] for _, place in found["rows"][0]["a"]["fine-tuned"]["p"]] == ["with examples"]
    assert found["cut"] is False


def test_long_texts_and_endless_prompts_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "PROMPTS_LIMIT", 10)
    given = [row(n, "q", "y" * 25_000, few_shot=("a", 1.0)) for n in range(3)]
    for one in given:
        one["answers"]["few-shot"]["prompt"] = [{"role": "user", "content": f"{one['row']:020}"}]
    found = json.loads(rows.rows_document(given, {}, {}))
    assert found["texts"][found["rows"][0]["e"]].endswith("y [5,000 more characters stand in rows.jsonl]")
    assert ["p" in one["a"]["few-shot"] for one in found["rows"]] == [True, False, False]
    assert found["cut"] is True


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path, full(), [row(0, "q", "a")])
    file = run / "report" / "rows.jsonl"
    file.write_text(file.read_text() + '{"row": 1}\n')
    with pytest.raises(EvaluationFailed, match=r"rows\.jsonl, line 2, is not a test row"):
        page.of_run(run, full())


def test_ten_thousand_rows_with_shared_examples_stay_small() -> None:
    examples = [{"role": "user", "content": f"example {n} " + "x" * 500} for n in range(4)]
    given = []
    for n in range(10_000):
        one = row(n, f"question {n}", f"answer {n}", few_shot=(f"answer {n}", 1.0), fine_tuned=("no", 0.0))
        one["answers"]["few-shot"]["prompt"] = [*examples, one["messages"][-1]]
        given.append(one)
    assert len(rows.rows_document(given, {}, {})) < 3_000_000


def test_the_losses_are_those_of_training(tmp_path: Path) -> None:
    events = [
        {"stage": "prepare", "step": 0, "loss": 9.0},
        {"stage": "train", "step": 10, "loss": 1.5, "lr": 0.1},
        {"stage": "train", "step": 11},
        {"stage": "train", "step": 20, "loss": 0.5, "eval_loss": 0.7},
        {"stage": "train", "step": 30, "loss": float("nan")},
    ]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)) + '\n{"stage": "train", "st')
    found = record.losses(file)
    assert (found.train, found.held_out) == ([(10, 1.5), (20, 0.5)], [(20, 0.7)])
    drawn = charts.loss_chart(found.train, found.held_out)
    assert "training loss from 1.500 at step 10 to 0.500 at step 20" in drawn and "validation" in drawn
    assert record.losses(tmp_path / "none").train == ()


def test_charts_say_in_words_what_they_show_and_stay_inside() -> None:
    report = full()
    drawn = charts.quality_chart("exact_match", report["methods"]) + charts.cost_chart(
        "exact_match", report["methods"], 300
    )
    assert "Fine-tuned 95.0% (92.0% to 96.9%)" in drawn and "Base, retrieval: 322 tokens, 41.0%" in drawn
    for share in re.findall(r'(?:x|x1|x2|width)="([\d.]+)%"', drawn):
        assert 0 <= float(share) <= 100
    assert 'width="95.00%"' in drawn


@pytest.mark.parametrize("most", [0.001, 0.7, 1, 3, 9.99, 10, 99, 12345, 2_000_000])
def test_an_axis_ends_at_a_round_number_beyond_the_largest(most: float) -> None:
    ticks = charts._ticks(most)
    assert ticks[0] == 0 and ticks[-1] >= most > ticks[-2] and 3 <= len(ticks) <= 6


def test_labels_of_neighbours_do_not_cover_each_other() -> None:
    placed = charts._apart([(100.0, 0.3, "a"), (102.0, 0.35, "b"), (99.0, 0.9, "far"), (101.0, 0.31, "c")])
    close = sorted(y for y, _, name in placed if name != "far")
    assert all(second - first >= charts.LABEL_ROOM for first, second in pairwise(close))
    assert (99.0, 0.9, "far") in placed


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": {"decision": "no-difference", "reason": "None shown."}},
        {"methods": {"fine-tuned": measured(1.0, 1.0, 1.0, 0)}},
        {"methods": {"someone's own": {"metrics": {}}}},
        {"savings": {"against": "few-shot"}, "forgetting": {"base": 1.0, "fine-tuned": 2.0, "flagged": True}},
    ],
)
def test_parts_of_a_report_make_a_page_too(change: dict[str, Any], tmp_path: Path) -> None:
    report = {"schema": 1, "n": 300, **change, "methods": change.get("methods", full()["methods"])}
    assert "Test rows" in words(page.of_run(write_run(tmp_path, report), report))


def test_charts_of_nothing_are_drawn_or_left_out() -> None:
    free = {"reference": {"metrics": {"m": {"value": 0.5}}, "prompt_tokens": 0, "completion_tokens": 0}}
    assert "0 tokens, 50.0%" in charts.cost_chart("m", free, 3)
    assert charts.cost_chart("m", free, 0) == ""
    assert "from -0.500 at step 1" in charts.loss_chart([(1, -0.5), (2, -1.5)])
