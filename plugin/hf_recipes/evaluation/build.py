"""The report of a run, built from its recorded answers alone. Runs in the inference interpreter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hf_recipes.evaluation import gate, outcomes, resampling, run_warnings
from hf_recipes.evaluation.answers import (
    BASELINES,
    FINE_TUNED,
    Answer,
    EvaluationFailed,
    Messages,
    read_answers,
    read_drawn_from,
    read_notes,
    read_questions,
)
from hf_recipes.evaluation.cut import answer_limit, least_and_most, too_many
from hf_recipes.evaluation.forgetting import forgetting
from hf_recipes.evaluation.measured import Measured
from hf_recipes.evaluation.metrics import Setting, measure_metric
from hf_recipes.evaluation.outcomes import CutAnswers, Outcome, ends
from hf_recipes.evaluation.paid_back import paid_back
from hf_recipes.evaluation.report import SCHEMA
from hf_recipes.evaluation.savings import savings
from hf_recipes.evaluation.training import logged, training
from hf_recipes.evaluation.unused import unused
from hf_recipes.evaluation.verdict import TOO_FEW_ROWS, Comparison, compare, verdict_of
from hf_recipes.recipe.model import Bound, Evaluate
from hf_recipes.record.job import load_job
from hf_recipes.record.prepared import known_of_preparation

SHOWN_MISSES = 5
Methods = dict[str, dict[int, Answer]]


@dataclass(frozen=True)
class Evaluation:
    """Everything that was recorded and what the metrics make of it."""

    answers: Methods
    questions: dict[int, Messages]
    scores: dict[str, dict[str, Measured]]
    """Metric → method → values; a method is absent where the metric's ingredients were not recorded."""
    require: Mapping[str, Bound]
    settings: Mapping[str, Setting]
    """Metric → what it was measured with."""
    cut: CutAnswers
    outcomes: Mapping[str, Sequence[Outcome]]
    """Metric → what it could have come to, where too many answers were cut; else empty."""


def read_evaluation(run: Path) -> Evaluation:
    """Reads `answers/`, and of `job.json` which metrics and bounds the recipe asks for. Raises EvaluationFailed."""
    folder = run / "answers"
    answers, questions = read_answers(folder), read_questions(folder)
    wanted = wanted_of(run)
    scores: dict[str, dict[str, Measured]] = {}
    settings: dict[str, Setting] = {}
    for metric in wanted.metrics:
        settings[metric.name] = setting = Setting(folder, questions, metric.options)
        found = {
            method: measure_metric(metric.name, list(rows.values()), setting)
            for method, rows in answers.items()
        }
        scores[metric.name] = {method: item for method, item in found.items() if item is not None}
    compared = [name for name in (*BASELINES, FINE_TUNED) if name in answers]
    cut = CutAnswers(answers, too_many(answers, compared), answer_limit(folder), room_of(run))
    could = {
        name: ends(name, by_method, list(baselines_of(by_method)), cut, settings[name])
        for place, (name, by_method) in enumerate(scores.items())
        if cut.methods and (place == 0 or name in wanted.require)
    }
    return Evaluation(answers, questions, scores, wanted.require, settings, cut, could)


def room_of(run: Path) -> int | None:
    """What the expected answers take, with room, as the prepare step counted them."""
    answers = known_of_preparation(run).get("answers")
    found = answers.get("room") if isinstance(answers, Mapping) else None
    return found if type(found) is int else None


def skipped_rows(run: Path) -> dict[str, Any]:
    """The broken rows that the prepare step left out; empty where there were none."""
    found = known_of_preparation(run).get("skipped")
    return found if isinstance(found, dict) and found.get("rows") else {}


def build(run: Path) -> dict[str, Any]:
    """The report as DESIGN.md gives it: what was not measured is absent. Raises EvaluationFailed."""
    return report_of(read_evaluation(run), run)


def report_of(found: Evaluation, run: Path) -> dict[str, Any]:
    rows = next(iter(found.answers.values()))
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "n": len(rows),
        "rows": list(rows),
        **({} if found.cut.limit is None else {"max_new_tokens": found.cut.limit}),
        "methods": {method: method_summary(method, found) for method in found.answers},
    }
    for method, result in report["methods"].items():
        if drawn := read_drawn_from(run / "answers", method):
            result["drawn_from"] = drawn
    notes = {name: why for name, why in read_notes(run / "answers").items() if name not in found.answers}
    if notes:
        report["notes"] = notes
    if skipped := skipped_rows(run):
        report["skipped"] = skipped
    if trained := training(run):
        report["training"] = trained
    if warned := [*run_warnings.of_training(run), *run_warnings.of_answers(found.answers)]:
        report["warnings"] = warned
    compared = {
        name: compare(by_method[FINE_TUNED], baselines)
        for name, by_method in found.scores.items()
        if (baselines := baselines_of(by_method)) and FINE_TUNED in by_method
    }
    if compared:
        report["comparisons"] = {name: by_baseline(ones) for name, ones in compared.items()}
        report["statistics"] = {
            "resamples": resampling.RESAMPLES,
            "permutations": resampling.PERMUTATIONS,
            "seed": resampling.SEED,
        }
    first = next(iter(found.scores))
    if first in compared:
        tuned, baselines = found.scores[first][FINE_TUNED], baselines_of(found.scores[first])
        verdict = verdict_of(tuned, baselines, compared[first])
        if first in found.outcomes:
            verdict = outcomes.verdict_with_cut_answers(
                verdict, tuned, baselines, compared[first], found.outcomes[first], found.cut
            )
        if verdict.decision == TOO_FEW_ROWS and (
            left := unused(known_of_preparation(run), len(rows), report.get("training") or {})
        ):
            verdict = replace(verdict, reason=f"{verdict.reason} {left}")
        report["verdict"] = {**asdict(verdict), "metric": first}
    if (most := most_right(found)) < len(rows):
        report["most_right"] = most
    if told := expected_query_counts(found):
        report["expected_queries"] = told
    if found.require:
        report["gate"] = _gate(found, compared)
    if FINE_TUNED in found.scores[first]:
        report["misses"] = misses(found.answers[FINE_TUNED], found.scores[first][FINE_TUNED])
    forgotten = forgetting(run / "answers")
    if forgotten is not None:
        report["forgetting"] = forgotten
    if "verdict" in report:
        against, methods = report["verdict"]["against"], report["methods"]
        took = logged(run).seconds
        report["savings"] = {
            **savings(methods[FINE_TUNED], methods[against], against, len(rows), took),
            **paid_back(
                found.answers[FINE_TUNED],
                found.answers[against],
                report["verdict"],
                compared[first][against],
                report.get("gate") or (),
                took,
            ),
        }
    return report


def wanted_of(run: Path) -> Evaluate:
    """The `evaluate:` of the run's job; the defaults where it has none, or where there is no job. Raises EvaluationFailed."""
    try:
        return load_job(run).evaluate or Evaluate()
    except FileNotFoundError:
        return Evaluate()
    except ValueError:
        raise EvaluationFailed("job.json is not a job.") from None


def baselines_of(by_method: Mapping[str, Measured]) -> dict[str, Measured]:
    """Those that decide: a reference is shown, and no more."""
    return {method: measured for method, measured in by_method.items() if method in BASELINES}


def by_baseline(ones: Mapping[str, Comparison]) -> dict[str, dict[str, Any]]:
    return {baseline: asdict(measured) for baseline, measured in ones.items()}


def method_summary(method: str, found: Evaluation) -> dict[str, Any]:
    rows = found.answers[method]
    metrics = {}
    for name, by_method in found.scores.items():
        if method in by_method:
            low, high = resampling.interval(by_method[method])
            metrics[name] = {"value": by_method[method].value, "low": low, "high": high}
    return {
        "metrics": metrics,
        "prompt_tokens": sum(row.prompt_tokens for row in rows.values()),
        "completion_tokens": sum(row.completion_tokens for row in rows.values()),
        "seconds": sum(row.seconds for row in rows.values()),
        "weights": next(iter(rows.values())).weights,
        "cached": sum(row.cached for row in rows.values()),
        "cut": sum(row.cut for row in rows.values()),
        **could_be(method, found),
    }


def most_right(found: Evaluation) -> int:
    """Rows that one model can be right in at the most: of those that ask the same, those that expect the same."""
    rows = next(iter(found.answers.values()))
    expected: dict[str, Counter[str]] = {}
    for row, answer in rows.items():
        question = json.dumps(found.questions[row]) if row in found.questions else f"row {row}"
        expected.setdefault(question, Counter())[answer.reference.strip()] += 1
    return sum(max(counts.values()) for counts in expected.values())


def expected_query_counts(found: Evaluation) -> dict[str, Any]:
    """For sql_execution: expected queries that don't run or return nothing; empty if there are none."""
    by_method = found.scores.get("sql_execution", {})
    counts = next((measured.counts for measured in by_method.values()), {})
    if not (counts.get("failing") or counts.get("empty")):
        return {}
    right = {method: measured.counts["right_on_empty"] for method, measured in by_method.items()}
    return {"failing": counts["failing"], "empty": counts["empty"], "right_on_empty": right}


def could_be(method: str, found: Evaluation) -> dict[str, Any]:
    """For a method with too many cut answers: the values that its deciding metric could have had."""
    name = next(iter(found.scores))
    if method not in found.cut.methods or method not in found.scores[name]:
        return {}
    rows = list(found.answers[method].values())
    both = least_and_most(name, rows, found.scores[name][method], found.settings[name])
    shown = {
        end: {"value": measured.value, "low": low, "high": high}
        for end, measured in zip(("least", "most"), both, strict=True)
        for low, high in [resampling.interval(measured)]
    }
    return {"could_be": {name: shown}}


def _gate(found: Evaluation, compared: Mapping[str, Mapping[str, Comparison]]) -> list[dict[str, Any]]:
    tuned = {name: score[FINE_TUNED].value for name, score in found.scores.items() if FINE_TUNED in score}
    baselines = {
        name: {method: measured.value for method, measured in baselines_of(score).items()}
        for name, score in found.scores.items()
    }
    entries = gate.check_gate(found.require, tuned, baselines, compared)
    return (
        outcomes.gate_with_cut_answers(entries, found.require, found.outcomes, found.cut)
        if found.outcomes
        else entries
    )


def misses(rows: Mapping[int, Answer], measured: Measured) -> list[dict[str, Any]]:
    """The rows with the lowest values among those that are not fully right; the first of equal ones."""
    wrong = [pair for pair in zip(measured.values, rows.values(), strict=True) if pair[0] < 1]
    wrong.sort(key=lambda pair: pair[0])
    return [
        {"row": answer.row, "answer": answer.answer, "reference": answer.reference}
        for _, answer in wrong[:SHOWN_MISSES]
    ]


def rows_of(found: Evaluation) -> Iterator[dict[str, Any]]:
    """What report/rows.jsonl holds: every test row with each method's answer and its values."""
    for place, (row, first) in enumerate(next(iter(found.answers.values())).items()):
        asked = {"messages": found.questions[row]} if row in found.questions else {}
        answers = {
            method: _answered(
                rows[row], place, {n: score[method] for n, score in found.scores.items() if method in score}
            )
            for method, rows in found.answers.items()
        }
        yield {"row": row, **asked, "reference": first.reference, "answers": answers}


def _answered(answer: Answer, place: int, scores: Mapping[str, Measured]) -> dict[str, Any]:
    prompt = {} if answer.prompt is None else {"prompt": answer.prompt}
    values: Sequence[tuple[str, float]] = [(name, found.values[place]) for name, found in scores.items()]
    return {
        "answer": answer.answer,
        "scores": dict(values),
        **prompt,
        **({"cut": True} if answer.cut else {}),
    }
