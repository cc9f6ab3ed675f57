"""Which baselines the correction runs over, what is said where it alone stands between, and what would tell more."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hf_recipes.evaluation import verdict
from hf_recipes.evaluation.build import build
from hf_recipes.evaluation.measured import Measured, mean_of
from hf_recipes.evaluation.verdict import ALPHA, can_be_best, compare, p_values, verdict_of


def right(*counts: tuple[int, int]) -> Measured:
    """So many rows right, then so many wrong, and so on."""
    return mean_of(
        [value for good, bad in counts for value in [1.0] * good + [0.0] * bad], right_or_wrong=True
    )


def told_apart(skills: Sequence[float], draws: int, n: int) -> float:
    """How often the best of so many baselines is told apart from a fine-tuned model that is as good as the best of `skills`."""
    rng = np.random.default_rng(17)
    wrong = 0
    for _ in range(draws):
        hard = rng.random(n)
        answers = [
            (0.5 * hard + 0.5 * rng.random(n) < skill).astype(float) for skill in (max(skills), *skills)
        ]
        tuned, *others = [mean_of(one, right_or_wrong=True) for one in answers]
        baselines = {str(place): one for place, one in enumerate(others)}
        best = max(baselines, key=lambda name: baselines[name].value)
        wrong += p_values(tuned, baselines)[best][2] < ALPHA
    return wrong / draws


@pytest.mark.parametrize(
    "skills", [(0.5, 0.5, 0.5), (0.5, 0.5), (0.5, 0.5, 0.1), (0.5, 0.42, 0.42), (0.5, 0.5, 0.42)]
)
def test_the_choice_of_the_family_keeps_the_error_within_5_percent(skills: tuple[float, ...]) -> None:
    assert told_apart(skills, 1500, 250) <= ALPHA


def test_without_any_correction_it_would_not_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "holm", lambda p_values: p_values)
    assert told_apart((0.5, 0.5, 0.5), 1500, 250) > ALPHA


def test_a_baseline_that_cannot_be_the_best_costs_nothing() -> None:
    tuned, few = right((120, 80)), right((100, 100))
    zero = right((0, 200))
    assert can_be_best({"zero-shot": zero, "few-shot": few}) == ["few-shot"]
    alone, beside = compare(tuned, {"few-shot": few}), compare(tuned, {"zero-shot": zero, "few-shot": few})
    assert alone["few-shot"] == beside["few-shot"]
    assert (beside["few-shot"].family, beside["few-shot"].p) == (1, beside["few-shot"].p_before)
    near = right((99, 101))
    assert can_be_best({"retrieval": near, "few-shot": few}) == ["retrieval", "few-shot"]


def two_that_are_near() -> dict[str, Measured]:
    """p = 0.035 against each, before the correction: 20 rows only fine-tuned, 8 only the baseline."""
    tuned = right((72, 0), (20, 0), (0, 8))
    return {"fine-tuned": tuned, "few-shot": right((72, 20), (8, 0)), "retrieval": right((72, 20), (8, 0))}


def test_where_only_the_correction_stands_between_it_is_said_with_both_values() -> None:
    found = two_that_are_near()
    tuned = found.pop("fine-tuned")
    made = verdict_of(tuned, found)
    assert made.decision == "too-few-rows"
    assert (
        "Only the correction makes the difference non-significant: p = 0.036 before, 0.071 after Holm over 2 baselines"
        in made.reason
    )
    assert verdict_of(tuned, {"few-shot": found["few-shot"]}).decision == "fine-tuned"


def record(run: Path, rows: Mapping[str, Sequence[bool]], **changed: Mapping[str, Any]) -> None:
    """Method → a row each, right or wrong; `changed`: method (with _) → what is recorded otherwise, a list for a value a row."""
    (run / "answers").mkdir(exist_ok=True, parents=True)
    for method, found in rows.items():
        more = changed.get(method.replace("-", "_"), {})
        stamp = "fine-tuned:ba9876543210" if method == "fine-tuned" else "base:0123456789ab"
        lines = [
            {
                "row": row, "method": method, "answer": "yes" if good else "no", "reference": "yes", "prompt_tokens": 40,
                "completion_tokens": 2, "seconds": 0.5, "weights": stamp,
                **{name: value[row] if isinstance(value, list) else value for name, value in more.items()},
            }
            for row, good in enumerate(found)
        ]  # fmt: skip
        (run / "answers" / f"{method}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    event = {"stage": "train", "step": 12, "loss": 2.0}
    lines = [json.dumps(event), json.dumps({"stage": "train", "train_runtime": 100.0, "step": 12})]
    (run / "events.jsonl").write_text("\n".join(lines) + "\n")


def test_too_few_rows_names_what_is_left_unused(tmp_path: Path) -> None:
    record(
        tmp_path, {"zero-shot": [row < 8 for row in range(20)], "fine-tuned": [row < 11 for row in range(20)]}
    )
    (tmp_path / "work").mkdir()
    prepared = {"rows": {"train": 50, "test": 279}, "pool": 549}
    (tmp_path / "work" / "prepared.json").write_text(json.dumps(prepared))
    found = build(tmp_path)["verdict"]
    assert found["decision"] == "too-few-rows"
    assert found["reason"].endswith(
        "259 more test rows are available: raise evaluate.limit. 499 training rows were left out by data.limit; 50 were "
        "trained on. Training made 12 updates."
    )
    (tmp_path / "work" / "prepared.json").write_text(
        json.dumps({"rows": {"train": 50, "test": 20}, "pool": 50})
    )
    reason = build(tmp_path)["verdict"]["reason"]
    assert "evaluate.limit" not in reason and "data.limit" not in reason and reason.endswith("12 updates.")


N = 200
GOOD, POOR = [row < 180 for row in range(N)], [row < 40 for row in range(N)]


def seconds(mean: float, spread: float) -> list[float]:
    """Ten batches of 20 rows, whose seconds differ by so much."""
    return [mean + spread * ((row // 20) % 5 - 2) + 1e-6 * (row // 20) for row in range(N)]


def test_it_has_paid_for_itself_where_it_is_better_and_the_saving_is_no_noise(tmp_path: Path) -> None:
    record(tmp_path, {"zero-shot": POOR, "fine-tuned": GOOD}, zero_shot={"seconds": seconds(0.5, 0.01)}, fine_tuned={"seconds": seconds(0.4, 0.01)})  # fmt: skip
    assert build(tmp_path)["savings"]["requests_to_pay_back"] == pytest.approx(1000, abs=1)


@pytest.mark.parametrize(
    ("baseline", "tuned", "why"),
    [
        (GOOD, POOR, "not shown to be as good as zero-shot: -70.0 points of exact_match"),
        (POOR, [row % 5 == 0 for row in range(N)], "not shown to be as good as zero-shot: 0.0 points"),
    ],
)
def test_a_model_that_is_not_shown_to_be_as_good_has_paid_for_nothing(
    tmp_path: Path, baseline: list[bool], tuned: list[bool], why: str
) -> None:
    """At c340ea0 it was said of 1.7 % against 15 %."""
    record(
        tmp_path, {"zero-shot": baseline, "fine-tuned": tuned}, zero_shot={"prompt_tokens": 400, "seconds": 5}
    )
    found = build(tmp_path)["savings"]
    assert "requests_to_pay_back" not in found and why in found["not_paid_back"].replace("+0.0", "0.0")


def test_a_bound_that_is_missed_or_a_saving_that_may_be_chance_has_paid_for_nothing(tmp_path: Path) -> None:
    rows = {"zero-shot": POOR, "fine-tuned": GOOD}
    record(tmp_path, rows, zero_shot={"prompt_tokens": 400, "seconds": 5})
    required = {"require": {"exact_match": {"at_least": 0.95}}}
    job = {"task": "lm_training", "base_model": "ada/tiny", "evaluate": required}
    (tmp_path / "job.json").write_text(json.dumps(job))
    assert (
        build(tmp_path)["savings"]["not_paid_back"]
        == "exact_match at least 95% is required, and does not hold"
    )
    (tmp_path / "job.json").unlink()
    assert build(tmp_path)["savings"]["requests_to_pay_back"] == 23  # one batch each: the tokens differ
    record(tmp_path, rows, zero_shot={"seconds": 0.51})
    assert "do not show that a request takes fewer tokens" in build(tmp_path)["savings"]["not_paid_back"]
    record(
        tmp_path, rows, zero_shot={"seconds": seconds(0.42, 0.1)}, fine_tuned={"seconds": seconds(0.4, 0.1)}
    )
    assert "differ by no more than chance (-0.1" in build(tmp_path)["savings"]["not_paid_back"]
