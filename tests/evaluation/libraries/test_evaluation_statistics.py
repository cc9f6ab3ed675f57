"""Intervals, tests and verdicts against values worked out by hand or printed in papers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from math import comb

import numpy as np
import pytest
import scipy.stats

from hf_recipes.evaluation import labels, overlap, verdict
from hf_recipes.evaluation.interval import holm, mcnemar, wilson
from hf_recipes.evaluation.matching import exact_match
from hf_recipes.evaluation.measured import Measured, mean_of
from hf_recipes.evaluation.resampling import difference_interval, interval, permutation_p
from hf_recipes.evaluation.verdict import Verdict, compare, smallest_difference


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


def decide(tuned: Sequence[float], baselines: Mapping[str, Sequence[float]]) -> Verdict:
    """Of a metric by which rows are right or wrong."""
    measured = {name: mean_of(values, right_or_wrong=True) for name, values in baselines.items()}
    return verdict.verdict_of(mean_of(tuned, right_or_wrong=True), measured)


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
    same = decide(values(60, 100), {"zero-shot": values(60, 100)})
    assert same.decision == "no-difference"
    assert "60 of 100" in same.reason


def test_a_small_split_is_called_small() -> None:
    # Five wins and no loss: p = 0.0625, and no five rows could ever have shown more.
    small = decide(values(5, 5), {"few-shot": values(0, 5)})
    assert (small.decision, small.smallest_difference) == ("too-few-rows", 1.0)
    # Ten points would be seen with 60 rows (6 of 60), not with 59.
    assert decide(values(30, 59), {"few-shot": values(30, 59)}).decision == "too-few-rows"
    assert decide(values(30, 60), {"few-shot": values(30, 60)}).decision == "no-difference"
    assert "10.2 points" in decide(values(30, 59), {"few-shot": values(30, 59)}).reason


def test_rows_that_differ_much_show_less() -> None:
    """100 rows of which 40 differ: by McNemar, 12.4 points at the least (1.96 · √40 / 100)."""
    swapped = [1.0] * 30 + [0.0] * 20 + [1.0] * 20 + [0.0] * 30
    noisy = decide(values(50, 100), {"few-shot": swapped})
    assert noisy.decision == "too-few-rows" and "a difference of 12.4 points" in noisy.reason
    calm = decide(values(50, 100), {"few-shot": values(50, 100)})
    assert calm.decision == "no-difference" and "a difference of 6.0 points" in calm.reason


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
    # Six rows in one direction are enough for one baseline: of several, only the correction stands between.
    assert decision(rows - 1) == ("no-difference" if baselines == 1 else "too-few-rows")
    assert decision(5) == "no-difference"


@pytest.mark.parametrize("n", [30, 100])
def test_equal_models_are_told_apart_in_at_most_one_of_twenty_splits(n: int) -> None:
    rng = random.Random(7)
    wrong = 0
    for _ in range(1000):
        skill = rng.random()
        tuned, zero, few = ([float(rng.random() < skill) for _ in range(n)] for _ in range(3))
        wrong += decide(tuned, {"zero-shot": zero, "few-shot": few}).decision in ("fine-tuned", "baseline")
    assert wrong <= 50


def test_two_copies_of_one_model_on_300_rows_are_called_no_difference() -> None:
    """Though each draws its answers anew."""
    rng = np.random.default_rng(11)
    calm = 0
    for _ in range(1000):
        tuned, zero, few = (rng.random((3, 300)) < rng.random()).astype(float)
        calm += decide(tuned, {"zero-shot": zero, "few-shot": few}).decision == "no-difference"
    assert calm >= 950


def test_a_gain_of_ten_points_on_300_rows_is_found_at_least_four_times_in_five() -> None:
    """The two differ in right or wrong on 35 % of the rows: 22.5 % only the fine-tuned right, 12.5 % only the baseline."""
    differing = range(60, 160)  # of 300; others are rarer than one in a million
    fewest = [
        next(wins for wins in range(rows // 2, rows + 1) if mcnemar(wins, rows - wins) < verdict.ALPHA)
        for rows in differing
    ]
    won = scipy.stats.binom.sf(np.array(fewest) - 1, differing, 0.225 / 0.35)
    power = float(np.dot(won, scipy.stats.binom.pmf(differing, 300, 0.35)))
    assert 0.80 <= power < 0.85

    rng = np.random.default_rng(8)
    found = 0
    for _ in range(1000):
        chance, both = rng.random(300), rng.random(300) < 0.5
        tuned = np.where(chance < 0.225, True, np.where(chance < 0.35, False, both))
        few = np.where(chance < 0.225, False, np.where(chance < 0.35, True, both))
        found += decide(tuned.astype(float), {"few-shot": few.astype(float)}).decision == "fine-tuned"
    assert found / 1000 == pytest.approx(power, abs=0.03)  # 2.5 standard errors of 1,000 draws


@pytest.mark.parametrize("n", [30, 60])
def test_equal_models_are_told_apart_as_rarely_by_graded_metrics(n: int) -> None:
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(1000):
        hard = rng.random(n)  # rows are easy or hard for both
        tuned, zero = (np.clip(hard + rng.normal(0, 0.2, n), 0, 1) for _ in range(2))
        wrong += verdict.verdict_of(mean_of(tuned), {"zero-shot": mean_of(zero)}).decision in (
            "fine-tuned",
            "baseline",
        )
    assert wrong <= 50 + 14  # 50 expected by construction: two standard errors of that count


def test_the_permutation_test_agrees_with_scipys() -> None:
    rng = np.random.default_rng(3)
    for n, tolerance in ((9, 1e-9), (80, 0.02)):
        tuned, zero = rng.random(n), rng.random(n) - 0.1
        found = scipy.stats.permutation_test(
            (tuned - zero,), np.mean, permutation_type="samples", n_resamples=9_999, rng=rng, vectorized=True
        )
        assert permutation_p(mean_of(tuned), mean_of(zero)) == pytest.approx(found.pvalue, abs=tolerance)
    assert permutation_p(mean_of(tuned), mean_of(tuned)) == 1.0


def test_the_paired_bootstrap_agrees_with_scipys() -> None:
    rng = np.random.default_rng(4)
    tuned, zero = rng.random(200), rng.random(200)
    low, high = difference_interval(mean_of(tuned), mean_of(zero))
    found = scipy.stats.bootstrap((tuned - zero,), np.mean, method="percentile", rng=rng).confidence_interval
    assert (low, high) == (pytest.approx(found.low, abs=0.006), pytest.approx(found.high, abs=0.006))
    # Pairing counts: the same rows, a shade better everywhere, is a difference without doubt.
    better = difference_interval(mean_of(zero + 0.01), mean_of(zero))
    assert better == (pytest.approx(0.01), pytest.approx(0.01))


@pytest.mark.parametrize(("rows", "at_least"), [(10, 0.88), (20, 0.92), (100, 0.92)])
def test_the_interval_of_a_difference_covers_the_truth(rows: int, at_least: float) -> None:
    """Right or wrong, the two of them different on one row in five: with ten rows the plain percentiles hold it in 78 of 100 tests."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(400):
        kind = rng.choice(3, size=rows, p=[0.05, 0.8, 0.15])
        tuned, zero = (kind >= 1).astype(float), (kind <= 1).astype(float)
        low, high = difference_interval(
            mean_of(tuned, right_or_wrong=True), mean_of(zero, right_or_wrong=True)
        )
        covered += low - 1e-9 <= 0.1 <= high + 1e-9
    assert covered >= at_least * 400


def test_the_interval_of_a_graded_difference_covers_the_truth_with_few_rows() -> None:
    """The plain percentiles of ten rows hold it in 90 of 100 tests."""
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(600):
        low, high = difference_interval(mean_of(rng.beta(2, 1, 10)), mean_of(rng.beta(1, 1, 10)))
        covered += low <= 2 / 3 - 1 / 2 <= high
    assert covered >= 0.93 * 600


def test_two_methods_that_are_right_on_the_same_few_rows_may_differ_on_others() -> None:
    always = mean_of([1.0, 0.0] * 5, right_or_wrong=True)
    # By hand: of ten rows none differs; z²/(n + z²) = 3.8415/13.8415.
    assert difference_interval(always, always) == (
        pytest.approx(-0.2775, abs=5e-5),
        pytest.approx(0.2775, abs=5e-5),
    )
    all_right, all_wrong = (mean_of([value] * 10, right_or_wrong=True) for value in (1.0, 0.0))
    assert difference_interval(all_right, all_wrong) == (pytest.approx(0.7225, abs=5e-5), 1.0)


def clip(measured: Measured) -> tuple[float, float, float]:
    return (*interval(measured), measured.value)


def test_corpus_metrics_get_intervals_of_the_corpus_value() -> None:
    rng = random.Random(6)
    words = [
        "the",
        "cat",
        "sat",
        "on",
        "a",
        "mat",
        "and",
        "looked",
        "at",
        "some",
        "small",
        "birds",
        "outside",
    ]
    references = [" ".join(rng.choices(words, k=8)) for _ in range(60)]
    answers = [" ".join(w if rng.random() < 0.8 else "dog" for w in one.split()) for one in references]
    for made in (overlap.bleu(answers, references), overlap.chrf(answers, references)):
        low, high, value = clip(made)
        assert low < value < high and high - low < 0.25
        # By brute force: the metric recomputed over rows drawn with replacement.
        again = overlap.bleu if made.sums.shape[1] == 10 else overlap.chrf
        drawn = []
        for _ in range(150):
            places = rng.choices(range(60), k=60)
            drawn.append(again([answers[i] for i in places], [references[i] for i in places]).value)
        assert np.std(drawn) == pytest.approx((high - low) / 3.92, rel=0.25)


def test_macro_f1_is_compared_as_a_corpus_metric() -> None:
    rng = random.Random(7)
    references = [rng.choice("abc") for _ in range(200)]
    good, poor = ([one if rng.random() < share else "d" for one in references] for share in (0.9, 0.6))
    made = labels.macro_f1(good, references), labels.macro_f1(poor, references)
    [one] = compare(made[0], {"zero-shot": made[1]}).values()
    assert (
        one.test == "permutation" and one.better and one.low > 0.1 and one.low <= one.difference <= one.high
    )
    same = compare(made[0], {"zero-shot": made[0]})["zero-shot"]
    assert (same.p, same.difference, same.low, same.high) == (1.0, 0, 0, 0)


def test_a_graded_verdict_says_difference_and_interval() -> None:
    rng = np.random.default_rng(10)
    zero = rng.random(100) * 0.5
    made = verdict.verdict_of(mean_of(zero + 0.2), {"zero-shot": mean_of(zero)})
    assert made.decision == "fine-tuned" and "a difference of +20.0 points" in made.reason
    assert (
        verdict.verdict_of(mean_of(zero[:4] + 0.2), {"zero-shot": mean_of(zero[:4])}).decision
        == "too-few-rows"
    )
    noisy = verdict.verdict_of(mean_of(rng.random(30)), {"zero-shot": mean_of(rng.random(30))})
    assert noisy.decision == "too-few-rows" and noisy.smallest_difference > 0.1


def test_the_same_rows_give_the_same_report() -> None:
    tuned, zero = (mean_of(np.random.default_rng(seed).random(50)) for seed in (1, 2))
    assert compare(tuned, {"zero-shot": zero}) == compare(tuned, {"zero-shot": zero})


def test_a_difference_worth_having_is_found() -> None:
    rng = random.Random(8)
    found = 0
    for _ in range(200):
        tuned, few = ([float(rng.random() < skill) for _ in range(300)] for skill in (0.9, 0.75))
        found += decide(tuned, {"few-shot": few}).decision == "fine-tuned"
    assert found >= 190


def test_few_rows_that_are_all_right_or_all_wrong_leave_room_for_doubt() -> None:
    right, wrong = labels.macro_f1(["a", "b", "a"], ["a", "b", "a"]), labels.macro_f1(["", ""], ["a", "b"])
    assert interval(right) == wilson(3, 3) and interval(wrong) == wilson(0, 2)
    low, high = interval(overlap.chrf(["a cat sat here"], ["a cat sat there"]))
    assert high - low > 0.5, "one row says little"


def test_so_few_rows_that_nothing_could_be_shown_are_not_said_to_show_something() -> None:
    for n, baselines, takes in ((1, 1, 6), (5, 1, 6), (6, 3, 7)):
        same = {f"baseline-{i}": values(0, n) for i in range(baselines)}
        made = decide(values(0, n), same)
        assert made.decision == "too-few-rows"
        assert f"cannot show any difference: it takes {takes}." in made.reason
    assert (
        "6 rows that differ as much as these can show a difference of 100.0 points"
        in decide(values(3, 6), {"few-shot": values(3, 6)}).reason
    )


def test_of_two_baselines_that_are_as_good_the_harder_one_has_to_be_beaten() -> None:
    tuned = values(60, 100)
    near, far = values(50, 100), [1.0] * 20 + [0.0] * 40 + [1.0] * 30 + [0.0] * 10
    for order in ({"zero-shot": near, "few-shot": far}, {"few-shot": far, "zero-shot": near}):
        made = decide(tuned, order)
        assert (made.decision, made.against) == ("too-few-rows", "few-shot")
    assert decide(tuned, {"zero-shot": near}).decision == "fine-tuned"
