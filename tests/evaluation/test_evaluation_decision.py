"""Fine-tune, keep prompting, or too thin: the rules that `decide` states, case by case, and the rows it asks for."""

from __future__ import annotations

import random

import pytest

from hf_recipes.estimates import families
from hf_recipes.evaluation.decision import (
    FEW_ROWS,
    BaseSize,
    MeasuredBaseline,
    Target,
    decide,
    measured_target,
    rows_needed,
    target_of,
)
from hf_recipes.evaluation.interval import wilson
from hf_recipes.evaluation.serving import per_thousand

TARGET = Target("exact_match", 0.8, "the recipe's evaluate.require.exact_match.at_least")


def share(right: int, n: int = 300) -> MeasuredBaseline:
    low, high = wilson(right, n)
    return MeasuredBaseline(right / n, low, high)


CASES = [
    # zero-shot, few-shot, retrieval (of 300), tunable, training rows → decision, best
    ((0, 30, 280), True, 1000, "keep-prompting", "retrieval"),
    ((0, 285, 270), True, 1000, "keep-prompting", "few-shot"),
    ((280, 285, 288), False, 3, "keep-prompting", "retrieval"),
    ((0, 30, 200), True, 1000, "fine-tune", "retrieval"),
    ((0, 30, 20), None, None, "fine-tune", "few-shot"),
    ((0, 30, 20), False, 1000, "cannot-tune", "few-shot"),
    ((0, 30, 20), True, FEW_ROWS - 1, "more-data", "few-shot"),
    ((0, 30, 235), True, 1000, "too-thin", "retrieval"),
    ((0, 230, 245), True, 1000, "too-thin", "retrieval"),
]


@pytest.mark.parametrize(("right", "tunable", "rows", "decision", "best"), CASES)
def test_the_rules(
    right: tuple[int, int, int], tunable: bool | None, rows: int | None, decision: str, best: str
) -> None:
    baselines = dict(zip(("zero-shot", "few-shot", "retrieval"), map(share, right), strict=True))
    made = decide(baselines, 300, TARGET, tunable=tunable, train_rows=rows)
    assert (made.decision, made.method) == (decision, best)
    assert best in made.sentence, "who reads the sentence alone learns which baseline it is"
    assert (made.more_rows is not None) == (decision == "too-thin")


def test_a_base_that_could_not_be_asked_about_is_tuned_with_that_said() -> None:
    made = decide({"few-shot": share(3)}, 300, TARGET, tunable=None, train_rows=1000)
    assert made.decision == "fine-tune" and "could be asked" in made.sentence


@pytest.mark.parametrize(("right", "target"), [(252, 0.8), (230, 0.8), (150, 0.55), (282, 0.9)])
def test_the_rows_asked_for_settle_it_in_about_80_of_100_cases(right: int, target: float) -> None:
    """Simulated: the true share is the one that was measured."""
    n, true = 300, right / 300
    needed = rows_needed(share(right), n, target, right_or_wrong=True)
    assert needed is not None and needed > n
    rng, settled, tries = random.Random(1), 0, 500
    for _ in range(tries):
        low, high = wilson(sum(rng.random() < true for _ in range(needed)), needed)
        settled += low >= target if true > target else high < target
    assert 0.75 <= settled / tries <= 0.86


def test_a_graded_metric_takes_its_spread_from_the_interval_that_was_measured() -> None:
    narrow, wide = MeasuredBaseline(0.75, 0.73, 0.77), MeasuredBaseline(0.75, 0.71, 0.79)
    few, many = (rows_needed(one, 300, 0.78, right_or_wrong=False) for one in (narrow, wide))
    assert few is not None and many is not None and 3.5 < many / few < 4.5, (
        "twice as wide: four times the rows"
    )


def test_fewer_rows_are_needed_the_farther_it_is_from_the_target() -> None:
    needed = [rows_needed(share(right), 300, 0.8, right_or_wrong=True) for right in (244, 250, 255)]
    assert None not in needed and needed == sorted(needed, reverse=True)  # type: ignore[type-var]


@pytest.mark.parametrize("right", [240, 240.01])
def test_at_the_target_itself_no_number_of_rows_is_promised(right: float) -> None:
    low, high = wilson(right, 300)
    made = decide(
        {"few-shot": MeasuredBaseline(right / 300, low, high)}, 300, TARGET, tunable=True, train_rows=1000
    )
    assert (made.decision, made.more_rows) == ("too-thin", None) and "will not settle" in made.sentence


def test_without_a_bound_in_the_recipe_what_is_assumed_is_said() -> None:
    assumed = target_of("accuracy", None)
    assert assumed.assumed and assumed.value == 0.9 and "evaluate.require.accuracy.at_least" in assumed.basis
    assert not target_of("accuracy", 0.7).assumed
    nothing = target_of("rougeL", None)
    made = decide({"few-shot": share(299)}, 300, nothing, tunable=True, train_rows=1000)
    assert (nothing.value, made.decision, made.more_rows) == (None, "too-thin", None)
    assert "evaluate.require.rougeL.at_least" in made.sentence


def test_serving_is_what_was_measured_times_a_thousand() -> None:
    measured = {"prompt_tokens": 800, "completion_tokens": 200, "seconds": 6.0}
    report = {"n": 40, "methods": {"zero-shot": measured, "few-shot": {**measured, "cached": 10}}}
    found = per_thousand(report)
    assert found["zero-shot"] == {"prompt_tokens": 20_000, "completion_tokens": 5_000, "seconds": 150}
    assert found["few-shot"]["cached_share"] == 0.25


SMALL = BaseSize(small=True, larger=("org/larger-360M (360M)", "org/larger-1.7B (1.7B)"))


@pytest.mark.parametrize(
    ("right", "size", "rows", "decision"),
    [
        ((0, 5, 45), SMALL, 1000, "larger-base"),
        ((0, 5, 45), BaseSize(), 1000, "fine-tune"),
        ((0, 5, 45), SMALL, FEW_ROWS - 1, "more-data"),
        (
            (0, 39, 144),
            SMALL,
            1000,
            "fine-tune",
        ),  # the quickstart's own: 48 % by retrieval, which tuning brought to 96
    ],
)
def test_far_below_the_target_a_small_base_is_left_for_a_larger_one(
    right: tuple[int, int, int], size: BaseSize, rows: int, decision: str
) -> None:
    baselines = dict(zip(("zero-shot", "few-shot", "retrieval"), map(share, right), strict=True))
    made = decide(baselines, 300, TARGET, tunable=True, train_rows=rows, size=size)
    assert made.decision == decision
    named = "org/larger-360M (360M) or org/larger-1.7B (1.7B)" in made.sentence
    assert named == (decision == "larger-base")


def test_a_family_that_is_not_known_is_not_made_up() -> None:
    made = decide(
        {"few-shot": share(3)}, 300, TARGET, tunable=True, train_rows=1000, size=BaseSize(small=True)
    )
    assert made.decision == "fine-tune" and "a larger one may be worth measuring first" in made.sentence
    assert families.larger("somebody/tiny") == () == families.larger("HuggingFaceTB/SmolLM2-1.7B-Instruct")
    found = [member.model for member in families.larger("bundled/smollm2-135m-instruct")]
    assert found == ["HuggingFaceTB/SmolLM2-360M-Instruct", "HuggingFaceTB/SmolLM2-1.7B-Instruct"]
    assert [member.size for member in families.larger("qwen/qwen2.5-0.5B-instruct")] == ["1.5B", "3.1B"]


def test_a_baseline_that_is_to_be_beaten_is_a_target_too() -> None:
    beat = target_of("exact_match", None, "best_baseline")
    assert target_of("exact_match", 0.8, "best_baseline").value == 0.8 and not beat.assumed
    baselines = {"zero-shot": share(0), "few-shot": share(150)}
    target = measured_target(beat, baselines, 300)
    assert target.rival == "few-shot" and target.value == pytest.approx(0.5 + 7 / 300)
    made = decide(baselines, 300, beat, tunable=True, train_rows=1000)
    assert made.decision == "fine-tune"
    assert "better than few-shot, which has 50.0%" in made.sentence and "takes 52.3% or more" in made.sentence
    assert decide(baselines, 300, beat, tunable=False, train_rows=1000).decision == "cannot-tune"
    full = {"few-shot": share(298), "zero-shot": share(3)}
    made = decide(full, 300, beat, tunable=True, train_rows=1000)
    assert (made.decision, made.method) == (
        "keep-prompting",
        "few-shot",
    ) and "leaves no room" in made.sentence
    made = decide(full, 300, target_of("exact_match", None, "retrieval"), tunable=True, train_rows=1000)
    assert made.decision == "too-thin" and "retrieval was not measured" in made.sentence
