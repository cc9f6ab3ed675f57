"""The recipe's data → what the trainer may see, the held-out rows, and a few examples to show a model.

Three passes over the rows and never all of them in memory: check and count; write the test rows; write the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.data.asked import used_columns
from hf_recipes.data.checks import class_names
from hf_recipes.data.findings import wrong
from hf_recipes.data.form import Form
from hf_recipes.data.messages import names_in_words
from hf_recipes.data.splits import Sample, drawn, held_out_by_label, row_key
from hf_recipes.data.splits import held_out_rows as hold_out
from hf_recipes.engines.step import Progress
from hf_recipes.record.job import Job
from hf_recipes.steps.prepare.broken_rows import BrokenRows
from hf_recipes.steps.prepare.dataset import Split, open_split
from hf_recipes.steps.prepare.first_pass import Seen, check_classes, look_at_rows
from hf_recipes.steps.prepare.measurable import check_fields, expected_fields
from hf_recipes.steps.prepare.rules import RowRules
from hf_recipes.steps.prepare.rules.rule import SeenRow
from hf_recipes.steps.prepare.usable_rows import Fitting, RowReader
from hf_recipes.steps.prepare.writer import Writer, data_card, finite, settle

POOL = "pool"
LEFT_OUT = "left out"

Record = dict[str, Any]


@dataclass
class Converted:
    rows: dict[str, int] = field(default_factory=dict)
    """train, validation and test; `duplicates`: rows left out of train because their prompt is a test row's."""
    pool: int = 0
    """Training rows that examples may be drawn from: also those that `data.limit` leaves out of training."""
    columns: list[str] = field(default_factory=list)
    """The columns of the data as it came."""
    classes: list[str] = field(default_factory=list)
    shots: list[list[dict[str, str]]] = field(default_factory=list)
    first: list[Record] = field(default_factory=list)
    """The first training records, for a person to look at."""
    notes: list[str] = field(default_factory=list)
    skipped: dict[str, Any] = field(default_factory=dict)
    """Broken rows that were left out: {"rows": {split: how many}, "first": [file:line: what is wrong]}."""


def convert(
    job: Job,
    form: Form,
    out: Path | None,
    *,
    first: int = 0,
    looked: Callable[[Seen], None] | None = None,
    each: Callable[[Record], None] | None = None,
    rules: RowRules | None = None,
    progress: Progress | None = None,
    held_out: float = 0.0,
    for_export: bool = False,
) -> Converted:
    """Read, check, split and write: `out/data/{train,validation}.jsonl`, `out/data/README.md`, `out/test.jsonl`; where
    `data.limit` leaves conversations out, `out/pool.jsonl` too: all that the baselines' examples are drawn from.

    With `out` None nothing is written and everything is counted. `looked` gets what the first pass saw of the training
    rows, `each` every training record as written,
    `rules` every row that is trained or measured on.
    `held_out`: the share of local training rows that become validation rows where the recipe names no split for them.
    `for_export` leaves to the trainer what it does itself: class ids, and a validation split.
    Raises DataError with what is wrong: before anything is written, but for what `rules` find.
    """
    broken = BrokenRows(job.data)
    opened = _opened(job, form, broken)
    if refused := broken.refused(opened.usable):
        refused.stop()
    if looked:
        looked(opened.seen)
    result = Converted(columns=opened.seen.columns, notes=_unused(form, opened.seen.columns))
    result.classes = _classes(job, form, opened)
    division = _division(job, form, opened, 0.0 if for_export else held_out)
    result.notes += division.notes()
    reader = RowReader(form, [] if for_export else result.classes, opened.seen.numbers, broken)
    fit = Fitting(job, rules, broken, "test" if opened.test else "train")
    chosen = None if opened.test else division.test
    known, tested = _write_test(reader, opened.test or opened.train, chosen, job, out, fit)
    shots = Sample(job.evaluate.shots if job.evaluate and form.conversations else 0, job.seed)
    total = division.trained + (opened.seen_valid.rows if opened.seen_valid else 0)
    duplicates = 0
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(Writer(out / "data" if out else None, name, form.columns))
            for name in ("train", "validation")
        }
        wanted = division.left_out and form.conversations and job.evaluate and not for_export
        pool = stack.enter_context(Writer(out if wanted else None, POOL, form.columns))
        for number, (name, row) in enumerate(_rest(reader, opened, division), start=1):
            record = dict(row.record)
            if progress:
                progress(number, total, what="preparing data")
            if known and row_key(form.prompt(record)) in known:
                duplicates += 1
                continue
            if name != LEFT_OUT and not fit.to_train_on(row):
                continue
            if name != "validation":
                pool.write(finite(record))
                shots.offer(record)
            if name == LEFT_OUT:
                continue
            writers[name].write(finite(record))
            if name == "train":
                if each:
                    each(record)
                if len(result.first) < first:
                    result.first.append(record)
    if progress:
        progress(total, total, what="preparing data")
    written = {name: writer.rows for name, writer in writers.items()} | {"test": tested}
    _finish(rules, broken, {**opened.usable, **written})
    result.skipped = broken.as_json()
    result.notes += broken.notes()
    if not for_export:
        settle(list(writers.values()), form.columns)
    if out and form.columns and not for_export:
        (out / "data" / "README.md").write_text(data_card(form.columns, result.classes), "utf-8")
    result.rows, result.pool = written, pool.rows
    if duplicates:
        result.rows["duplicates"] = duplicates
        result.notes.append(
            f"{duplicates} rows left out of training and of the examples: their prompt also stands in the test rows"
        )
    if not result.rows["train"]:
        raise wrong(
            opened.train.name, "no row is left to train on: every prompt also stands in the test rows"
        )
    result.shots = [form.messages(record) for record in shots.items]  # type: ignore[arg-type]
    return result


@dataclass(frozen=True)
class Opened:
    """The splits, and what a first pass over their rows has seen."""

    train: Split
    valid: Split | None
    test: Split | None
    seen: Seen
    seen_valid: Seen | None
    seen_test: Seen | None

    @property
    def usable(self) -> dict[str, int]:
        """Split → rows that are not broken."""
        seen = {"train": self.seen, "validation": self.seen_valid, "test": self.seen_test}
        return {name: split.rows for name, split in seen.items() if split}


@dataclass(frozen=True)
class Division:
    """Which rows of train, by their places, are not trained on."""

    rows: int
    """All rows of train."""
    test: frozenset[int]
    validation: frozenset[int]
    left_out: frozenset[int]
    """By data.limit."""

    @property
    def trained(self) -> int:
        """Rows that are read again after the test rows are written."""
        return self.rows - len(self.test)

    def notes(self) -> list[str]:
        notes = []
        if self.validation:
            notes.append(
                f"{len(self.validation)} rows of train held out for validation, as the trainer does with local data"
            )
        if self.left_out:
            kept = self.rows - len(self.test) - len(self.validation) - len(self.left_out)
            notes.append(f"{kept} rows of train drawn by seed; {len(self.left_out)} left out (data.limit)")
        return notes


def _opened(job: Job, form: Form, broken: BrokenRows) -> Opened:
    data = job.data
    train = open_split(data, data.train_split)
    test = open_split(data, data.test_split) if isinstance(data.test_split, str) else None
    valid = open_split(data, data.valid_split) if data.valid_split else None
    seen = look_at_rows(train, form, broken.part("train"))
    seen_valid = look_at_rows(valid, form, broken.part("validation")) if valid else None
    seen_test = look_at_rows(test, form, broken.part("test")) if test else None
    return Opened(train, valid, test, seen, seen_valid, seen_test)


def _classes(job: Job, form: Form, opened: Opened) -> list[str]:
    """The names of a classifier's classes; none for another task."""
    if not form.label:
        return []
    classes = class_names(set(opened.seen.labels), opened.train.classes.get(form.label.name))
    check_classes(
        form.label, opened.seen, opened.seen_valid, classes, opened.train.name, job.data.valid_split
    )
    return classes


def _division(job: Job, form: Form, opened: Opened, share: float) -> Division:
    """`share`: of local training rows, held out for validation where the recipe names no split for it."""
    seen, data = opened.seen, job.data
    test = _test_rows(data.test_split, seen.rows, job.seed, opened.train.name)
    held = bool(share) and not opened.valid
    validation = _valid_rows(job, form, seen, test, share) if held else frozenset[int]()
    left_out = _left_out(data.limit, seen.rows, test | validation, job.seed)
    return Division(seen.rows, test, validation, left_out)


def _finish(rules: RowRules | None, broken: BrokenRows, usable: dict[str, int]) -> None:
    """Raises DataError with what the rules have found, or where too many rows are broken."""
    if rules:
        rules.finish()
        rules.problems.stop()
    if refused := broken.refused(usable):
        refused.stop()
    if rules:
        rules.warnings.take(broken.left_out())


def _unused(form: Form, columns: list[str]) -> list[str]:
    """A note on columns that are not used. In tables every column is used."""
    used = used_columns(form)
    left = [name for name in columns if name not in used] if used else []
    return [f"not used of the data: {names_in_words(left)}"] if left else []


def _test_rows(test_split: str | float | None, rows: int, seed: int, name: str) -> frozenset[int]:
    if not isinstance(test_split, float):
        return frozenset()
    if rows < 2:
        raise wrong(name, f"{rows} row is too few to hold out test rows", code="too-few-rows")
    return hold_out(rows, test_split, seed)


def _valid_rows(job: Job, form: Form, seen: Seen, test: frozenset[int], share: float) -> frozenset[int]:
    """Only for local data; images stay where they are."""
    if not job.data.local or job.task in IMAGE_TASKS:
        return frozenset()
    left = [row for row in range(seen.rows) if row not in test]
    if len(left) < 2:
        return frozenset()
    if form.label and form.label.kind == "label":
        chosen = held_out_by_label([seen.labels[row] for row in left], share, job.seed)
    else:
        chosen = hold_out(len(left), share, job.seed)
    return frozenset(left[place] for place in chosen)


def _left_out(limit: int | None, rows: int, held_back: frozenset[int], seed: int) -> frozenset[int]:
    """The rows of train that `data.limit` leaves out."""
    left = [row for row in range(rows) if row not in held_back]
    if limit is None or limit >= len(left):
        return frozenset()
    kept = drawn(len(left), limit, seed)
    return frozenset(row for place, row in enumerate(left) if place not in kept)


def _write_test(
    reader: RowReader,
    split: Split,
    chosen: frozenset[int] | None,
    job: Job,
    out: Path | None,
    fit: Fitting,
) -> tuple[set[bytes], int]:
    """Write test.jsonl, numbering the rows as they stand in their split: the fingerprints of their prompts, and how many
    they are. `chosen` None takes the whole split. Raises DataError for a row that the recipe's metrics can't measure."""
    known: set[bytes] = set()
    fields = expected_fields(job)
    if chosen is not None and not chosen:
        return known, 0
    with Writer(out, "test", ()) as writer:
        for number, seen in enumerate(reader.rows(split, "test")):
            if chosen is None or number in chosen:
                row = reader.form.test_row(number, finite(dict(seen.record)))
                if not fit.to_measure_on(seen, row, split.name):
                    continue
                known.add(row_key(reader.form.prompt(seen.record)))
                fields.add(str(row.get("reference")))
                writer.write(row)
    if not writer.rows and (refused := fit.broken.refused({})):
        refused.stop()
    check_fields(job, fields, split.name)
    return known, writer.rows


def _rest(reader: RowReader, opened: Opened, division: Division) -> Iterator[tuple[str, SeenRow]]:
    """Every row but the test rows, with where it goes: train, validation or LEFT_OUT."""
    for number, row in enumerate(reader.rows(opened.train, "train")):
        if number in division.validation:
            yield "validation", row
        elif number in division.left_out:
            yield LEFT_OUT, row
        elif number not in division.test:
            yield "train", row
    if opened.valid:
        for row in reader.rows(opened.valid, "validation"):
            yield "validation", row
