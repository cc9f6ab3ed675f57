"""Verdict and gate where answers were cut: at both ends of what these could have come to, and not only as they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hf_recipes.data.answer_room import remedy
from hf_recipes.evaluation import cut, gate
from hf_recipes.evaluation.answers import FINE_TUNED, Answer
from hf_recipes.evaluation.measured import Measured
from hf_recipes.evaluation.metrics import Setting
from hf_recipes.evaluation.verdict import NOT_MEASURED, Comparison, Verdict, compare, evidence, verdict_of
from hf_recipes.recipe.model import Bound

Answers = Mapping[str, Mapping[int, Answer]]
Scores = Mapping[str, Measured]


@dataclass(frozen=True)
class Outcome:
    """What one metric could have come to."""

    tuned: Measured | None
    baselines: Scores
    compared: Mapping[str, Comparison]


@dataclass(frozen=True)
class CutAnswers:
    """The answers of a run of which too many ended at the limit, and what its metrics make of them."""

    answers: Answers
    methods: Sequence[str]
    """Those with too many cut answers; the fine-tuned model and baselines alone are looked at."""
    limit: int | None
    room: int | None
    """What the expected answers take, with room, where that is known."""

    @property
    def said(self) -> str:
        return cut.cut_sentence(self.answers, self.methods, self.limit)

    @property
    def remedy(self) -> str:
        return remedy(self.limit, self.room)


def ends(
    metric: str, scores: Scores, baselines: Sequence[str], found: CutAnswers, setting: Setting
) -> list[Outcome]:
    """The two ends: the fine-tuned model's cut answers at their worst and the baselines' at their best, and the other way round."""
    both = {
        method: cut.least_and_most(metric, list(found.answers[method].values()), measured, setting)
        for method, measured in scores.items()
        if method == FINE_TUNED or method in baselines
    }
    made = []
    for ours, theirs in ((0, 1), (1, 0)):
        tuned = both[FINE_TUNED][ours] if FINE_TUNED in both else None
        others = {method: both[method][theirs] for method in baselines if method in both}
        made.append(Outcome(tuned, others, compare(tuned, others) if tuned and others else {}))
    return made


def verdict_with_cut_answers(
    made: Verdict,
    tuned: Measured,
    baselines: Scores,
    compared: Mapping[str, Comparison],
    outcomes: Sequence[Outcome],
    found: CutAnswers,
) -> Verdict:
    """`made`, with what is to be said of the cut answers; not-measured where they could have changed the decision."""
    could = {
        verdict_of(outcome.tuned, outcome.baselines, outcome.compared).decision
        for outcome in outcomes
        if outcome.tuned is not None
    }
    if could <= {made.decision}:
        return replace(
            made,
            reason=f"{made.reason} {_sentence(found.said)}; however they would have continued, the decision is the same.",
        )
    shown = evidence(tuned, baselines[made.against], made.against, compared[made.against])
    return replace(
        made,
        decision=NOT_MEASURED,
        reason=f"Too many answers were cut to tell: {found.said}, and had they gone on, the decision could have been another. "
        f"As they stand: {shown}. {found.remedy}",
    )


def gate_with_cut_answers(
    entries: list[dict[str, Any]],
    require: Mapping[str, Bound],
    outcomes: Mapping[str, Sequence[Outcome]],
    found: CutAnswers,
) -> list[dict[str, Any]]:
    """The gate's entries; one that depends on how cut answers would have continued is not met, and says why."""
    others = [
        gate.check_gate(
            require,
            {
                name: measured.value
                for name, ends in outcomes.items()
                if (measured := ends[place].tuned) is not None
            },
            {
                name: {method: measured.value for method, measured in ends[place].baselines.items()}
                for name, ends in outcomes.items()
            },
            {name: ends[place].compared for name, ends in outcomes.items()},
        )
        for place in (0, 1)
    ]
    made = []
    for place, entry in enumerate(entries):
        open_ends = {entry["met"], *(other[place]["met"] for other in others)}
        why = f"{found.said}, and how they would have continued decides it. {found.remedy}"
        made.append({**entry, "met": False, "not_measured": why} if len(open_ends) > 1 else entry)
    return made


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
