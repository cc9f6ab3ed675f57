"""A number reads the same in the verdict, the tables, the bounds and the page, and never as one that it is not."""

from __future__ import annotations

import pytest

from hf_recipes.evaluation import decision, findings, gate, rounding
from hf_recipes.evaluation.report import render_markdown
from hf_recipes.recipe.model import Bound


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0.0%"),
        (1.0, "100.0%"),
        (0.1 + 0.2, "30.0%"),
        (0.016666, "1.7%"),
        (2999 / 3000, "99.97%"),
        (1 / 3000, "0.03%"),
        (1 - 1e-12, "100.0%"),
        (-1e-12, "0.0%"),
    ],
)
def test_only_none_and_all_read_as_none_and_all(value: float, said: str) -> None:
    assert rounding.share(value) == said


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.0496, "0.0496"), (0.0504, "0.0504"), (0.05, "0.050"), (0.031, "0.031"), (0.0009, "< 0.001")],
)
def test_p_is_on_the_side_of_0_05_that_it_reads_as(p: float, said: str) -> None:
    assert rounding.p_value(p) == said


def test_a_difference_keeps_its_sign() -> None:
    found = {"low": -0.0004, "high": 0.144, "value": 0.0}
    assert rounding.difference_in_words(found) == "-0.04 to +14.4"
    assert rounding.difference(0.0) == "+0.0" and rounding.points(0.016666) == "1.7 points"


def test_a_value_just_below_its_bound_does_not_read_as_the_bound() -> None:
    [bound] = gate.check_gate({"exact_match": Bound(at_least=0.9)}, {"exact_match": 0.8997}, {}, {})
    assert findings.unmet(bound) == "exact_match is 89.97%, required: at least 90%"
    [met] = gate.check_gate({"exact_match": Bound(at_least=0.9)}, {"exact_match": 0.3 * 3}, {}, {})
    assert met["met"] and findings.reached(met) == "90.0%"
    short = decision.decide(
        {"zero-shot": decision.MeasuredBaseline(0.85, 0.8, 0.89994)},
        100,
        decision.target_of("exact_match", 0.9),
        tunable=True,
        train_rows=1000,
    )
    assert "target of 90%" in short.sentence and "85.0% (80.0% to 89.99%, 100 rows)" in short.sentence


def test_bound_and_table_write_a_baseline_as_one_number() -> None:
    value = {"value": 1 / 60, "low": 0.003, "high": 0.089}
    one = {"metrics": {"exact_match": value}, "prompt_tokens": 9, "completion_tokens": 9, "seconds": 1.0}
    gates = gate.check_gate(
        {"exact_match": Bound(better_than="few-shot")},
        {"exact_match": 0.5},
        {"exact_match": {"few-shot": 1 / 60}},
        {},
    )
    text = render_markdown({"n": 60, "methods": {"few-shot": one}, "gate": gates})
    assert "| 1.7% (0.3% to 8.9%) |" in text and "better than few-shot (1.7%) | 50.0% |" in text
    assert "0.016" not in text and "0.017" not in text
