"""The converted data in the form that `autotrain --config` reads: for leaving this plugin behind.

    python -m hf_recipes.inference.export OUT < request.json

Writes OUT/data/train.jsonl, OUT/data/validation.jsonl where there is one, and OUT/test.jsonl beside them, and answers
{"data": folder or null, "rows", "notes", "problems"} on stdout.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import DataError
from hf_recipes.inference.convert import convert
from hf_recipes.inference.prepare import form_or_fail, passes_through
from hf_recipes.inference.request import Request, from_dict


def export(request: Request, out: Path) -> dict[str, Any]:
    """Write the data and say what was written. Raises DataError.

    AutoTrain reads `<folder>/<split>.jsonl` and makes classes and a validation split of its own: so labels stay as
    they are, and no fifth is held out here.
    """
    if passes_through(request):
        return {"data": None, "rows": {}, "notes": ["the data needs no conversion"], "problems": []}
    form = form_or_fail(request)
    converted = convert(request, form, out, for_autotrain=True)
    return {"data": str(out / "data"), "rows": converted.rows, "notes": converted.notes, "problems": []}


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("expected one argument: the folder to write to\n")
        return 2
    try:
        answer = export(from_dict(json.load(sys.stdin)), Path(sys.argv[1]).resolve())
    except DataError as error:
        answer = {"data": None, "rows": {}, "notes": []}
        answer["problems"] = [problem.as_dict() for problem in error.problems]
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
