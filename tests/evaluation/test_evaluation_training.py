"""What training did stands in the report, and what makes its numbers doubtful stands above the verdict, everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.reported import full, write_run
from hf_recipes.evaluation import findings, page, run_warnings, side_by_side
from hf_recipes.evaluation.answers import Answer
from hf_recipes.evaluation.report import render_markdown
from hf_recipes.evaluation.training import training


def trained(
    run: Path, losses: Sequence[object], gradients: Sequence[object] = (), **last: object
) -> list[str]:
    """Write a run's events; returns the codes of what they warn of."""
    events: list[dict[str, object]] = [
        {"stage": "train", "what": "checking the weights", "step": 1, "total": 1}
    ]
    for place, loss in enumerate(losses, start=1):
        gradient = {"grad_norm": gradients[place - 1]} if gradients else {}
        events.append({"stage": "train", "step": place, "total": len(losses), "loss": loss, **gradient})
    events.append({"stage": "train", "step": len(losses), "epoch": 3.0, "train_runtime": 12.5, **last})
    events.append({"stage": "evaluate", "step": 999, "total": 999})
    run.mkdir(exist_ok=True)
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events) + '{"stage": "tr')
    return [one["code"] for one in run_warnings.of_training(run)]


TRIMS = [
    {
        "code": "left-out",
        "key": "params.block_size",
        "limit": 64,
        "rows": 2,
        "what": "are left out of training",
    }
]


def test_updates_losses_tokens_and_seconds_are_read_out_of_what_the_trainer_printed(tmp_path: Path) -> None:
    trained(tmp_path, [3.5, 2.0, 1.0, 1.25])
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "prepared.json").write_text(
        json.dumps({"tokens": {"train_total": 950, "kept": 896, "trims": TRIMS}})
    )
    assert training(tmp_path) == {
        "updates": 4,
        "epochs": 3.0,
        "seconds": 12.5,
        "loss": {"first": 3.5, "last": 1.25, "lowest": 1.0},
        "logged": 4,
        "tokens_seen": 3 * 896,
        "trims": TRIMS,
    }
    said = findings.training_sentence({"training": training(tmp_path)})
    assert said.endswith("; 2 rows are left out of training (params.block_size, 64 tokens).")
    assert training(tmp_path / "gone") == {}
    trained(tmp_path, [3.5, "nan", "nan"])
    assert training(tmp_path)["loss"] == {"first": 3.5, "lowest": 3.5}, "what is no number is no loss"


DIVERGED = [3.5, 4.1, 9.0, *[10.8] * 72]
EXPLODED = [4.5, 4.5, 28.1, 28.0, 28.2, 125.3, 32.7, 30.4, 22.3, 17.8, 16.1, 18.7, 15.8, 15.6, 15.4, 13.9, 12.6, 13.3, 13.4,
            12.5, 12.0, 11.5, 11.8, 11.0, 10.7, 10.7, 10.8, 10.0]  # fmt: skip
"""As logged with a learning rate of 1."""
NOISE = [1.0 + 0.3 * ((7 * place) % 5 - 2) / 2 for place in range(60)]


@pytest.mark.parametrize(
    ("losses", "gradients", "codes"),
    [
        (DIVERGED, [2.0, 3.0, *[0.0] * 73], ["loss-rose", "gradient-zero"]),
        ([3.5, *[10.8] * 300], (), ["loss-rose"]),  # risen before a tenth was logged
        ([3.5, 10.8], (), ["loss-rose"]),
        ([*[3.5] * 5, *[1.0] * 20, *[3.0] * 10], (), ["loss-rose"]),  # fell, and rose again
        (EXPLODED, (), ["loss-rose"]),  # higher at the end than ever at the beginning, and far less than in between
        ([2.0, 0.0, "nan"], [1.0, "nan", "nan"], ["loss-not-finite", "gradient-not-finite"]),
        ([2.0, 1.9, 0.0, 0.0], [1.0, "nan", "nan", "nan"], ["gradient-not-finite"]),
        ([2.0, 1.5, 1.4], [1.0, 0.8, 0.0], ["gradient-zero"]),
        # All is well: noise, a loss near zero, the first scales of fp16.
        (NOISE, (), []),
        ([place / 30 + noise for place, noise in zip(range(60, 0, -1), NOISE, strict=True)], (), []),
        ([2.0, *[0.0002] * 20, *[0.0009] * 20], (), []),
        ([2.0, *[1.0] * 40], ["inf", *[0.7] * 40], []),
        ([2.0], (), []),
    ],
)  # fmt: skip
def test_training_that_went_wrong_is_told_and_noise_is_not(
    tmp_path: Path, losses: Sequence[object], gradients: Sequence[object], codes: list[str]
) -> None:
    assert trained(tmp_path, losses, gradients) == codes


def test_a_warning_brings_its_evidence(tmp_path: Path) -> None:
    trained(tmp_path, DIVERGED, [2.0, 3.0, *[0.0] * 73])
    rose, zero = run_warnings.of_training(tmp_path)
    assert (rose["first"], rose["last"], rose["logged"]) == (3.5, 10.8, 75)
    assert rose["message"].startswith("the loss rose from 3.5 to 10.8 (means of 7) over 75 logged")
    assert (zero["count"], zero["logged"]) == (73, 75)
    assert (
        zero["message"] == "the gradient was 0 in 73 of the 75 logged updates: nothing is learned from those"
    )


def test_what_the_verify_step_saw_in_the_weights_is_a_warning_of_the_run(tmp_path: Path) -> None:
    found = {"code": "adapter-without-effect", "message": "the adapter has no effect", "tokens": 8}
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "verified.json").write_text(json.dumps({"warnings": [found, "damaged"]}))
    assert run_warnings.of_training(tmp_path) == [found]


def answered(method: str, answers: Sequence[str], expected: Sequence[str]) -> dict[str, dict[int, Answer]]:
    pairs = enumerate(zip(answers, expected, strict=True))
    return {method: {row: Answer(row, given, due, 1, 1, 0.1, "w") for row, (given, due) in pairs}}


EXPECTED = [f"answer {row % 10}" for row in range(100)]


@pytest.mark.parametrize(
    ("tuned", "base", "expected", "codes"),
    [
        ([" \n"] * 100, EXPECTED, EXPECTED, ["answers-empty"]),
        ([""] * 60 + EXPECTED[60:], EXPECTED, EXPECTED, ["answers-empty"]),
        (["yes"] * 100, EXPECTED, EXPECTED, ["answers-the-same"]),
        (["yes"] * 97 + ["no"] * 3, EXPECTED, EXPECTED, ["answers-the-same"]),
        (EXPECTED[:50] + ["x"] * 50, EXPECTED[:50] + ["x"] * 50, EXPECTED, ["answers-of-the-base"]),
        (EXPECTED, [""] * 100, EXPECTED, ["answers-empty"]),
        # As it should be: answers that differ, one answer where one is expected, most of them alike where most are.
        (EXPECTED, ["x"] * 100, EXPECTED, []),
        (["yes"] * 100, ["no"] * 100, ["yes"] * 100, []),
        (["yes"] * 96 + ["no"] * 4, ["no"] * 100, ["yes"] * 96 + ["no"] * 4, []),
        ([""] * 100, ["no"] * 100, [""] * 100, []),
    ],
)  # fmt: skip
def test_answers_that_say_nothing_are_told(
    tuned: Sequence[str], base: Sequence[str], expected: Sequence[str], codes: list[str]
) -> None:
    answers = {**answered("zero-shot", base, expected), **answered("fine-tuned", tuned, expected)}
    found = run_warnings.of_answers(answers)
    assert [one["code"] for one in found] == codes
    assert all(one["count"] and one["rows"] == 100 and one["method"] in answers for one in found)


def doubtful() -> dict[str, Any]:
    return {
        **full(),
        "training": {
            "updates": 75,
            "tokens_seen": 19200,
            "loss": {"first": 3.5, "last": 10.8, "lowest": 3.5},
        },
        "warnings": [
            {"code": "loss-rose", "message": "the loss rose from 3.5 to <b>10.8</b>", "first": 3.5},
            {"code": "answers-empty", "message": "all 300 answers of the fine-tuned model are empty"},
        ],
    }


TRAINED = "Training: 75 updates; 19,200 tokens seen; loss first 3.5, last 10.8, lowest 3.5."


def test_a_warning_stands_above_the_verdict_in_report_md_and_html(tmp_path: Path) -> None:
    report = doubtful()
    text = render_markdown(report)
    assert "**Warning:** The loss rose from 3.5 to \\<b\\>10.8\\</b\\>." in text and TRAINED in text
    assert (
        text.index("**Warning:** The loss")
        < text.index("answers of the fine-tuned")
        < text.index("**Verdict")
    )
    html = page.of_run(write_run(tmp_path, report, []), report)
    assert "The loss rose from 3.5 to &lt;b&gt;10.8&lt;/b&gt;." in html and TRAINED in html
    assert html.index("answers of the fine-tuned model are empty") < html.index("Fine-tuning is worth it")


def test_a_warning_stands_above_the_verdict_in_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hf_recipes.cli import report_tables, report_text

    report_text.show_report(doubtful())
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.index("Warning: The loss rose") < shown.index("Verdict: fine-tuned") and TRAINED in shown
    runs = [write_run(tmp_path / name, doubtful()) for name in ("one", "two")]
    report_tables.show_side_by_side([side_by_side.read_measured_run(run) for run in runs])
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.index("The loss rose from 3.5") < shown.index("Right on 165 rows")


def state(run: Path, changes: Mapping[str, object]) -> None:
    known = {"schema": 1, "id": run.name, "state": "succeeded", "backend": "local", "created": "2026-01-01"}
    (run / "state.json").write_text(json.dumps({**known, **changes}))
    (run / "job.json").write_text(json.dumps({"project_name": "tiny", "steps": []}))


def test_status_and_list_tell_what_training_did_and_warn_also_without_a_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hf_recipes.cli.main import cli

    run = tmp_path / "tiny-20260101-000000-0a0a"
    trained(run, DIVERGED)
    state(run, {})

    def said(*arguments: str) -> str:
        cli.main(args=[*arguments, "--runs-dir", str(tmp_path)], standalone_mode=False)
        return capsys.readouterr().out

    status = json.loads(said("status", run.name, "--json"))
    assert status["training"]["loss"] == {"first": 3.5, "last": 10.8, "lowest": 3.5}
    assert [one["code"] for one in status["warnings"]] == ["loss-rose"]
    assert said("status", run.name).startswith("warning        The loss rose from")
    assert "75 updates; loss first 3.5, last 10.8" in said("status", run.name)
    assert "warning:" in said("list") and "loss rose" in " ".join(said("list").split())
    write_run(run, {**doubtful(), "warnings": []})
    assert "warnings" not in json.loads(said("status", run.name, "--json")), "the report is the later word"
