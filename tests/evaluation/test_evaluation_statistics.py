"""Intervals, tests and verdicts against values worked out by hand or printed in papers."""

from __future__ import annotations

import random
from math import comb

import pytest

from hf_recipes.evaluation.interval import holm, mcnemar, wilson
from hf_recipes.evaluation.metrics import exact_match
from hf_recipes.evaluation.verdict import decide, smallest_difference


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # By hand: with no successes the upper end is z²/(n + z²) = 3.8415/13.8415.
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
    ],
)
def test_wilson_gives_the_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_stays_within_zero_and_one_and_holds_the_share() -> None:
    for n in (1, 2, 7, 40, 320):
        for successes in range(n + 1):
            low, high = wilson(successes, n)
            assert 0 <= low <= successes / n <= high <= 1
    with pytest.raises(ValueError, match="at least one row"):
        wilson(0, 0)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (0, 0, 1.0),
        (0, 5, 2 / 32),
        (6, 0, 2 / 64),
        (1, 9, 2 * 11 / 1024),
        (3, 3, 1.0),
        (2, 3, 1.0),
        (2, 8, 2 * 56 / 1024),
    ],
)
def test_mcnemar_gives_the_hand_computed_p(only_a: int, only_b: int, p: float) -> None:
    assert mcnemar(only_a, only_b) == pytest.approx(p)
    assert mcnemar(only_b, only_a) == mcnemar(only_a, only_b)


def test_mcnemar_is_exact_for_many_rows() -> None:
    assert mcnemar(450, 550) == pytest.approx(2 * sum(comb(1000, i) for i in range(451)) / 2**1000)
    assert mcnemar(0, 5000) == 0.0  # 2 ** -4999 is below the smallest float


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]


def test_exact_match_ignores_white_space_at_the_ends_alone() -> None:
    assert exact_match(' {"a": 1}\n', '{"a": 1}') == 1.0
    assert exact_match('{"a":1}', '{"a": 1}') == 0.0
    assert exact_match("Salt", "salt") == 0.0
    assert exact_match("", "") == 1.0


def values(right: int, n: int) -> list[float]:
    return [1.0] * right + [0.0] * (n - right)


def test_a_clear_win_and_a_clear_loss() -> None:
    assert (
        decide(values(95, 100), {"zero-shot": values(0, 100), "few-shot": values(20, 100)}).decision
        == "fine-tuned"
    )
    worse = decide(values(20, 100), {"zero-shot": values(0, 100), "few-shot": values(95, 100)})
    assert (worse.decision, worse.against) == ("baseline", "few-shot")


def test_two_copies_of_the_same_answers_differ_in_nothing() -> None:
    verdict = decide(values(60, 100), {"zero-shot": values(60, 100)})
    assert verdict.decision == "no-difference"
    assert "60 of 100" in verdict.reason


def test_a_small_split_is_called_small() -> None:
    # Five wins and no loss: p = 0.0625, and no five rows could ever have shown more.
    verdict = decide(values(5, 5), {"few-shot": values(0, 5)})
    assert (verdict.decision, verdict.smallest_difference) == ("too-few-rows", 1.0)
    # Ten points would be seen with 60 rows (6 of 60), not with 59.
    assert decide(values(30, 59), {"few-shot": values(30, 59)}).decision == "too-few-rows"
    assert decide(values(30, 60), {"few-shot": values(30, 60)}).decision == "no-difference"
    assert "10.2 points" in decide(values(30, 59), {"few-shot": values(30, 59)}).reason


def test_a_small_split_with_a_large_difference_is_decided() -> None:
    assert decide(values(19, 20), {"few-shot": values(2, 20)}).decision == "fine-tuned"


@pytest.mark.parametrize("baselines", [1, 2, 3])
def test_the_smallest_difference_is_where_the_test_turns(baselines: int) -> None:
    n = 400
    rows = round(smallest_difference(n, baselines) * n)

    def decision(more: int) -> str:
        same = {f"baseline-{i}": values(100, n) for i in range(baselines)}
        return decide(values(100 + more, n), same).decision

    assert decision(rows) == "fine-tuned"
    assert decision(rows - 1) == "no-difference"


@pytest.mark.parametrize("n", [30, 100])
def test_equal_models_are_told_apart_in_at_most_one_of_twenty_splits(n: int) -> None:
    rng = random.Random(7)
    wrong = 0
    for _ in range(1000):
        skill = rng.random()
        tuned, zero, few = ([float(rng.random() < skill) for _ in range(n)] for _ in range(3))
        wrong += decide(tuned, {"zero-shot": zero, "few-shot": few}).decision in ("fine-tuned", "baseline")
    assert wrong <= 50


def test_a_difference_worth_having_is_found() -> None:
    rng = random.Random(8)
    found = 0
    for _ in range(200):
        tuned, few = ([float(rng.random() < skill) for _ in range(300)] for skill in (0.9, 0.75))
        found += decide(tuned, {"few-shot": few}).decision == "fine-tuned"
    assert found >= 190
