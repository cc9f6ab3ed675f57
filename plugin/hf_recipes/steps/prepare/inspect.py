"""Statistics of a recipe's data, for `plan`: a job as JSON on stdin, the answer as JSON on stdout.

    python -m hf_recipes.steps.prepare.inspect < job.json

Asked: a job, and beside its fields "examples": how many to show.
Answer: {"rows", "columns", "tokens", "answers", "base_parameters", "examples": [{"text", "tokens", "cut", "parts": [[text, whether it is learned]] where not all is}], "notes",
"problems", "warnings": [Problem], "totals": {code of a warning: all of them}, "unread": {what: why},
"unusable_base": why a run could not load it}; what could not be read is absent and named in `unread`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.data.findings import DataError
from hf_recipes.inference.parameter_count import parameter_count
from hf_recipes.record.job import Job, job_from
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.prepare.convert import convert
from hf_recipes.steps.prepare.prepare import NEEDS_CODE, check_enough, form_and_count, form_or_fail, resolved
from hf_recipes.steps.prepare.rules import RowRules

UNREACHABLE = ("hub-unreachable", "gated")


def inspect(found: Mapping[str, Any]) -> dict[str, Any]:
    """The answer. Bad data and an unreachable Hub raise nothing: the answer says so."""
    job = job_from(found)
    examples = int(found.get("examples") or 0)
    answer: dict[str, Any] = {"rows": {}, "columns": [], "tokens": {}, "examples": [], "notes": []}
    answer.update(problems=[], warnings=[], totals={}, unread={})
    base = _base(job, answer)
    if job.task in IMAGE_TASKS:
        answer["unread"]["data"] = "images are left to the trainer"
        return answer
    try:
        _read(job, base, examples, answer)
    except DataError as error:
        first = error.problems[0]
        if first.code in UNREACHABLE:
            answer["unread"]["data"] = f"{first.file}: {first.message}"
        else:
            answer["problems"] = [problem.as_dict() for problem in error.problems]
            if error.total > len(error.problems):
                answer["notes"].append(f"{error.total} problems in all, {len(error.problems)} listed")
    return answer


def _base(job: Job, answer: dict[str, Any]) -> str | None:
    if job.task == "tabular":
        return None
    try:
        base = resolved(job)
    except StepFailed as failure:
        answer["unread"]["base_model"] = failure.message
        _refused(job.base_model, failure, answer)
        return None
    count = parameter_count(base)
    if count:
        answer["base_parameters"] = count
    else:
        answer["unread"]["base_parameters"] = f"{job.base_model}: its safetensors could not be looked at"
    return base


def _refused(base: str, failure: StepFailed, answer: dict[str, Any]) -> None:
    """Names what would stop a run too: of a folder that is here nothing is left to chance, as it is of a Hub that may be away."""
    if Path(base).is_dir() or NEEDS_CODE in failure.message:
        answer["unusable_base"] = failure.message


def _read(job: Job, base: str | None, examples: int, answer: dict[str, Any]) -> None:
    form, count = form_or_fail(job), None
    if base:
        try:
            form, count = form_and_count(job, base)
        except StepFailed as failure:
            answer["unread"]["tokens"] = failure.message
            _refused(base, failure, answer)
    rules = RowRules(job, form, count.tokenizer if count else None)
    converted = convert(
        job,
        form,
        None,
        first=examples,
        looked=count.learn if count else None,
        each=count.add if count else None,
        rules=rules,
    )
    answer["warnings"] = [problem.as_dict() for problem in rules.warnings.kept]
    answer["totals"] = dict(rules.warnings.codes)
    answer.update(rules.facts)
    answer.update(
        rows=converted.rows,
        columns=converted.columns,
        notes=[*converted.notes, *rules.notes, *(count.frame.told() if count else ())],
    )
    if converted.classes:
        answer["classes"] = converted.classes
    if count:
        answer["tokens"] = count.result()
        check_enough(job, answer["tokens"], converted.rows["train"])
    for record in converted.first:
        if count:
            texts = count.texts(record)
            lengths = count.lengths(texts)
            shown = {"text": "\n".join(texts), "tokens": sum(lengths), "cut": count.is_cut(lengths)}
            if made := count.example(record):
                shown["parts"] = made.parts
        else:
            shown = {"text": json.dumps(record, ensure_ascii=False, default=str)}
        answer["examples"].append(shown)


def main() -> int:
    answer = inspect(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
