"""Several runs' reports beside each other: what differs between the runs, and whether their numbers can be compared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes.evaluation.answers import METHODS, EvaluationFailed, read_answer_file
from hf_recipes.record.create import plain
from hf_recipes.record.job import load_job

NOT_SETTINGS = ("project_name", "model", "data_path", "token", "username", "push_to_hub", "log")
"""Parameters of the engine that only name things, or that the recipe writes under another name."""


@dataclass(frozen=True)
class MeasuredRun:
    """One run with its report."""

    run: str
    """Its id."""
    report: Mapping[str, Any]
    settings: Mapping[str, Any]
    """Dotted key of the recipe → what the run was given."""
    references: Mapping[int, str] | None
    """Test row → what was expected there; None where the run's answers are gone."""


def read_measured_run(run: Path) -> MeasuredRun:
    """Out of a run's folder. Raises EvaluationFailed where it has no report, or one that can't be read."""
    try:
        report = json.loads((run / "report" / "report.json").read_text(encoding="utf-8"))
        report["methods"].items()
    except OSError:
        raise EvaluationFailed(f"{run.name} has no report.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EvaluationFailed(f"{run.name}: report/report.json is not a report.") from None
    return MeasuredRun(run.name, report, _settings(run), _references(run))


def measured_metrics(runs: Sequence[MeasuredRun]) -> list[str]:
    """Every metric that a method of a run has, in the order of the first run."""
    return list(
        dict.fromkeys(
            name
            for run in runs
            for result in run.report["methods"].values()
            for name in result.get("metrics", {})
        )
    )


def differing(runs: Sequence[MeasuredRun]) -> dict[str, list[Any]]:
    """Setting → its value in each run, of the settings that are not the same in all; None where a run has none."""
    names = sorted({name for run in runs for name in run.settings})
    values = {name: [run.settings.get(name) for run in runs] for name in names}
    return {name: found for name, found in values.items() if any(item != found[0] for item in found)}


def strangers(runs: Sequence[MeasuredRun]) -> dict[str, str]:
    """Run → why its numbers can't be compared with the first run's: one sentence. Those that can be are absent."""
    first, *others = runs
    found = {run.run: _apart(first, run) for run in others}
    return {name: why for name, why in found.items() if why}


def _apart(first: MeasuredRun, other: MeasuredRun) -> str:
    """Empty where both were measured on the same rows."""
    counts = [run.report.get("n") for run in (first, other)]
    if counts[0] != counts[1]:
        return f"it was measured on {counts[1]} test rows, {first.run} on {counts[0]}"
    if first.references is None or other.references is None:
        gone = first.run if first.references is None else other.run
        if first.report.get("rows") != other.report.get("rows"):
            return f"it was measured on other test rows than {first.run}"
        return f"the recorded answers of {gone} are gone, so nothing shows that the test rows are the same"
    if first.references.keys() != other.references.keys():
        odd = min(first.references.keys() ^ other.references.keys())
        return f"it was measured on other test rows than {first.run}: row {odd} is in one only"
    odd_rows = [row for row, expected in first.references.items() if other.references[row] != expected]
    if odd_rows:
        return f"its test rows are not those of {first.run}: row {odd_rows[0]} expects another answer"
    return ""


def _references(run: Path) -> Mapping[int, str] | None:
    for method in METHODS:
        file = run / "answers" / f"{method}.jsonl"
        if file.is_file():
            try:
                return {row: answer.reference for row, answer in read_answer_file(file, method).items()}
            except EvaluationFailed:
                return None
    return None


def _settings(run: Path) -> dict[str, Any]:
    """What a person can change from run to run: base model, data, trainer's parameters, evaluation, place."""
    try:
        job = load_job(run)
    except (OSError, ValueError):
        return {}
    found = {f"params.{name}": value for name, value in job.settled.items() if name not in NOT_SETTINGS}
    for part, section in (("data", job.data), ("evaluate", job.evaluate)):
        found |= dict(_flat(part, plain(section))) if section else {}
    return found | {"task": job.task, "base_model": job.base_model, "backend": job.backend}


def _flat(prefix: str, found: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in found.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", value
