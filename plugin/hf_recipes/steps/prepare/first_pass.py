"""The first of three passes over a split: every row is checked and counted, none is kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_recipes.data.columns import Column
from hf_recipes.data.final_answer import FinalAnswer, marks_of
from hf_recipes.data.findings import Findings, wrong
from hf_recipes.data.form import Form
from hf_recipes.data.messages import RowError, SharedError
from hf_recipes.steps.files import Row
from hf_recipes.steps.prepare.dataset import Split
from hf_recipes.steps.prepare.file_kinds import stem_and_kind


@dataclass
class Seen:
    """What the pass learns about a split."""

    rows: int = 0
    columns: list[str] = field(default_factory=list)
    labels: list[str | int] = field(default_factory=list)
    """Each row's label where a row has one, else each label once."""
    numbers: dict[str, bool] = field(default_factory=dict)
    """Columns of a text file that hold nothing but numbers → whether whole ones; tabular data only."""
    reasoned: int = 0
    """Rows whose answer begins with reasoning."""
    marks: tuple[str, str] = ("", "")
    """What opens and closes the first of it."""

    @property
    def reasoning(self) -> tuple[str, str] | None:
        """The marks where most answers begin with reasoning, so that models are asked for it too."""
        return self.marks if self.reasoned and self.reasoned * 2 >= self.rows else None


def rows_for(split: Split, form: Form, findings: Findings) -> Iterator[tuple[str, Row]]:
    """A template is filled with the name of a class; a trainer of classes is given its number."""
    return split.named_rows(findings) if form.templates else split.rows(findings)


def look_at_rows(split: Split, form: Form, findings: Findings) -> Seen:
    """What is wrong with rows goes to `findings`. Raises DataError for a split without any."""
    seen = Seen()
    labels: set[str | int] = set()
    infinite: dict[str, tuple[str, int]] = {}
    for file, (line, row) in rows_for(split, form, findings):
        if not seen.columns:
            seen.columns = list(row)
            if not form.columns:
                seen.numbers = (
                    dict.fromkeys(row, True) if (stem_and_kind(Path(file)) or "")[-1:] == ("csv",) else {}
                )
        try:
            record = form.record(row)
        except SharedError as error:
            findings.add_once(file, line, str(error))
            continue
        except RowError as error:
            findings.add(file, line, str(error))
            continue
        seen.rows += 1
        if form.conversations:
            _look_for_reasoning(seen, form.final(record))
        if form.label:
            value: Any = record[form.label.name]
            if isinstance(value, list):
                labels.update(value)
            else:
                seen.labels.append(value)
        for name in tuple(seen.numbers):
            _judge_number(seen.numbers, name, row.get(name))
            if name in seen.numbers and _is_infinite(row.get(name)):
                infinite.setdefault(name, (file, line))
    for name, (file, line) in infinite.items():
        if name in seen.numbers:
            what = f"column '{name}': expected a number, found one that is not finite"
            raise wrong(file, what, hint="leave the cell empty", code="bad-row", line=line)
    seen.labels.extend(sorted(labels, key=str))
    if not seen.rows and not findings.total:
        raise wrong(split.name, "the split holds no rows", code="empty-file")
    return seen


def _look_for_reasoning(seen: Seen, answer: FinalAnswer) -> None:
    if not answer.empty:
        seen.reasoned += 1
        seen.marks = seen.marks if any(seen.marks) else marks_of(answer.reasoning)


def _judge_number(numbers: dict[str, bool], name: str, value: object) -> None:
    if value is None:
        return
    try:
        int(str(value))
    except ValueError:
        numbers[name] = False
        try:
            float(str(value))
        except ValueError:
            del numbers[name]


def _is_infinite(value: object) -> bool:
    """For text that is a number, such as 1e999."""
    return isinstance(value, str) and math.isinf(float(value))


def check_classes(
    column: Column,
    seen: Seen,
    valid: Seen | None,
    classes: Sequence[str],
    name: str,
    split: str | None,
) -> None:
    """A classifier takes at least two classes, and with a validation split the same ones there."""
    if column.kind != "label":
        return
    if len(classes) < 2:
        raise wrong(
            name, f"column '{column.name}' holds one label only; a classifier needs two", code="one-class"
        )
    if valid:
        present = {str(value) for value in valid.labels} | {
            classes[value] for value in valid.labels if isinstance(value, int) and 0 <= value < len(classes)
        }
        missing = [name for name in classes if name not in present]
        if missing:
            raise wrong(
                name,
                f"split {split!r} holds no row labelled {missing[0]!r}; the trainer wants every label in it",
            )
