"""The converted data in the form that the engine's own trainer reads: for leaving this plugin behind.

    python -m hf_recipes.steps.prepare.export OUT < job.json

Writes OUT/data/train.jsonl, OUT/data/validation.jsonl where there is one, and OUT/test.jsonl beside them, and answers
{"base_model": folder or Hub id, "data": folder or null, "rows", "notes", "problems"} on stdout.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hf_recipes.record.job import Job
from hf_recipes.steps.prepare.convert import convert
from hf_recipes.steps.prepare.prepare import form_or_fail, readable_as_it_is, resolved
from hf_recipes.steps.reply import reply


def export_data(job: Job, out: Path) -> dict[str, Any]:
    """Write the data and say what was written. Raises DataError, StepFailed.

    The trainer reads `<folder>/<split>.jsonl` and makes classes and a validation split of its own: so labels stay as
    they are, and no validation rows are held out here.
    """
    # The trainer does not know bundled models: it needs the folder.
    base = job.base_model if job.task == "tabular" else resolved(job)
    if readable_as_it_is(job):
        notes = ["the data needs no conversion"]
        return {"base_model": base, "data": None, "rows": {}, "notes": notes, "problems": []}
    form = form_or_fail(job)
    converted = convert(job, form, out, for_export=True)
    answer = {"base_model": base, "data": str(out / "data")}
    return {**answer, "rows": converted.rows, "notes": converted.notes, "problems": []}


if __name__ == "__main__":
    sys.exit(reply(export_data, {"data": None, "rows": {}, "notes": []}))
