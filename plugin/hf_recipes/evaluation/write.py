"""`python -m hf_recipes.evaluation.write RUN`: writes report/rows.jsonl, report.md, report.html and report.json out of answers/."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from hf_recipes.evaluation import page
from hf_recipes.evaluation.answers import EvaluationFailed
from hf_recipes.evaluation.build import read_evaluation, report_of, rows_of
from hf_recipes.evaluation.report import render_markdown


def write(run: Path) -> None:
    """Each file is replaced atomically, report.json last: who finds it finds all. Raises EvaluationFailed and OSError."""
    found = read_evaluation(run)
    report = report_of(found, run)
    folder = run / "report"
    folder.mkdir(exist_ok=True)
    lines = (json.dumps(row, allow_nan=False) + "\n" for row in rows_of(found))
    replace(folder / "rows.jsonl", lines)
    replace(folder / "report.md", render_markdown(report))
    replace(folder / page.NAME, page.of_run(run, report))
    replace(folder / "report.json", json.dumps(report, indent=2, allow_nan=False) + "\n")


def replace(file: Path, text: Iterable[str]) -> None:
    """`text`: whole, or in pieces."""
    new = file.with_name(file.name + ".new")
    with new.open("w", encoding="utf-8") as opened:
        opened.writelines([text] if isinstance(text, str) else text)
    new.replace(file)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m hf_recipes.evaluation.write RUN\n")
        return 2
    try:
        write(Path(arguments[0]))
    except EvaluationFailed as problem:
        sys.stderr.write(f"{problem}\n")
        failure = os.environ.get("HF_RECIPES_FAILURE")
        if failure:
            Path(failure).write_text(
                json.dumps({"reason": "evaluation_failed", "message": str(problem)}), encoding="utf-8"
            )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
