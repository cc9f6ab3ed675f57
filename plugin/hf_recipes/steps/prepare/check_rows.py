"""What is wrong with a recipe's data, for `check`: a job as JSON on stdin, the answer as JSON on stdout.

    python -m hf_recipes.steps.prepare.check_rows < job.json

Every row is read once (twice where test rows are held out by a fraction), and none is kept.
Answer: {"splits", "columns", "tokens", "answers", "labels", "label_places", "classes", "doubles", "sensitive", "unread": {what: why}, "notes",
"found": {"problems", "warnings": [Problem], "totals": {code: all of them}}}. What could not be read is named in `unread`.
Lines `::progress {"rows": n}` go to stderr.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from hf_recipes.catalog.tasks import IMAGE_TASKS
from hf_recipes.data.asked import Comparing, used_columns
from hf_recipes.data.cell_text import as_text
from hf_recipes.data.findings import DataError, Findings
from hf_recipes.data.form import Form
from hf_recipes.data.messages import RowError, SharedError
from hf_recipes.data.quality import Answers, label_facts
from hf_recipes.data.sensitive import has_email, masked, secrets_in
from hf_recipes.data.splits import held_out_rows
from hf_recipes.inference.chat_template import end_texts
from hf_recipes.recipe.problem import Problem
from hf_recipes.record.job import Job, job_from
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.files import Row
from hf_recipes.steps.prepare import measurable
from hf_recipes.steps.prepare.broken_rows import BrokenRows
from hf_recipes.steps.prepare.dataset import Split, open_split
from hf_recipes.steps.prepare.duplicate_warnings import by_code, warnings
from hf_recipes.steps.prepare.duplicates import LIMIT, NEAR, SeenRows
from hf_recipes.steps.prepare.prepare import (
    form_or_fail,
    load_tokenizer_or_fail,
    preparation_of,
    resolved,
)
from hf_recipes.steps.prepare.row_tokens import RowTokens
from hf_recipes.steps.prepare.rules import RowRules
from hf_recipes.steps.prepare.rules.rule import SeenRow

UNREACHABLE = ("hub-unreachable", "gated")
BETWEEN = 0.5
"""Seconds between two lines of progress."""
MOST_COLUMNS = 1000
SYSTEM = frozenset({"system", "system_prompt", "system_message", "systemprompt"})

Say = Callable[[int], None]


def inspect_rows(found: Mapping[str, Any], say: Say = lambda rows: None) -> dict[str, Any]:
    """The answer. Bad data and an unreachable Hub raise nothing: the answer says so."""
    job = job_from(found)
    if job.task in IMAGE_TASKS:
        return {**_nothing(), "left_to_trainer": True, "unread": {"data": "images are left to the trainer"}}  # fmt: skip
    try:
        form = form_or_fail(job)
    except DataError as error:
        return {**_nothing(), "found": _as_found([*error.problems], [], {})}
    return DataReading(job, form, say).answer()


class DataReading:
    """One pass over the splits of a recipe; what it learns does not grow with the rows beyond `doubles.LIMIT`."""

    def __init__(self, job: Job, form: Form, say: Say) -> None:
        self._job, self._form, self._say = job, form, say
        self._unread: dict[str, str] = {}
        tokenizer = self._tokenizer()
        if tokenizer is not None:
            self._form = form = replace(form, ends=end_texts(tokenizer))
        self._comparing = Comparing(form, job.settled)
        self._index = SeenRows(texts=self._comparing.has_text)
        classes = form.label is not None or job.settled.get("task") == "classification"
        self._classes = ("label" if not form.label else form.label.kind) if classes else ""
        self._answers = {part: Answers(classes=classes) for part in ("train", "test")}
        self._tokens = (
            RowTokens(tokenizer, form, preparation_of(job).token_rules(tokenizer, form, job.settled))
            if tokenizer
            else None
        )
        self._splits: dict[str, dict[str, Any]] = {}
        self._columns: dict[str, None] = {}
        self._rules = RowRules(job, form, tokenizer)
        self._problems, self._warnings = self._rules.problems, self._rules.warnings
        self._broken_rows = BrokenRows(job.data)
        self._in_the_way: DataError | None = None
        """What no row can pass, such as a chat template without bounds: told once, and the rows are read all the same."""
        self._rows = 0

    def answer(self) -> dict[str, Any]:
        data = self._job.data
        named_test = data.test_split if isinstance(data.test_split, str) else None
        for part, name in (
            ("train", data.train_split),
            ("validation", data.valid_split),
            ("test", named_test),
        ):
            if name is not None:
                self._read_split(part, name)
        try:
            self._rules.finish()
        except DataError as error:
            self._in_the_way = error
        for problem in self._in_the_way.problems if self._in_the_way else ():
            self._problems.add(
                problem.file, problem.line, problem.message, code=problem.code, hint=problem.hint
            )
        self._settle_broken()
        doubles = self._index.result()
        self._index.close()
        counts = {code: found.total for code, found in by_code(doubles).items()}
        found = [*warnings(doubles), *self._warnings.kept]
        totals = {**self._problems.codes, **self._warnings.codes, **counts}
        used = used_columns(self._form)
        return {
            **_nothing(),
            "splits": self._splits,
            "columns": {
                "all": [masked(name) for name in self._columns],
                "used": list(used) or [masked(name) for name in self._columns],
                "system": self._system_apart(),
                "unused": [masked(name) for name in self._columns if used and name not in used],
            },
            "tokens": self._tokens.result() if self._tokens else {},
            **self._rules.facts,
            **{
                name: {part: _masked_keys(found) for part, found in parts.items()}
                for name, parts in label_facts(self._answers["train"], self._answers["test"]).items()
            },
            "classes": self._classes,
            "doubles": {"rows": doubles.rows, "near": NEAR, **counts},
            "sensitive": {"secret": self._problems.codes["secret"], "email-address": self._warnings.codes["email-address"]},
            "unread": self._unread,
            "notes": list(self._notes()),
            "found": _as_found(self._problems.kept, found, totals),
        }  # fmt: skip

    def _system_apart(self) -> str | None:
        """A column that looks like the system turn of ready-made messages and is not used."""
        form = self._form
        if (
            form.templates
            or form.system_column
            or not any(column.kind == "messages" for column in form.columns)
        ):
            return None
        return next((name for name in self._columns if name.lower() in SYSTEM), None)

    def _notes(self) -> Iterator[str]:
        if self._rows > LIMIT:
            yield f"the first {LIMIT:,} of {self._rows:,} rows were compared with each other"
        if not self._comparing.has_text:
            yield "near-duplicates are looked for in text; tables have none"
        limit = self._job.data.limit
        if limit:
            yield f"data.limit: a run draws {limit:,} of the training rows; all were checked"
        yield from self._rules.notes

    def _tokenizer(self) -> Any:
        job = self._job
        if not self._form.columns:
            return None
        try:
            return load_tokenizer_or_fail(job, resolved(job))
        except StepFailed as failure:
            self._unread["tokens"] = failure.message
            return None

    def _read_split(self, part: str, name: str) -> None:
        data = self._job.data
        try:
            split = open_split(data, name)
            test_rows: frozenset[int] = frozenset()
            if part == "train" and isinstance(data.test_split, float):
                rows = sum(record is not None for *_, record in self._records(split, Findings()))
                test_rows = held_out_rows(rows, data.test_split, self._job.seed) if rows > 1 else test_rows
            self._read(part, split, test_rows)
        except DataError as error:
            first = error.problems[0]
            if first.code in UNREACHABLE:
                self._unread["data" if part == "train" else f"{part} rows"] = f"{first.file}: {first.message}"
                return
            for problem in error.problems:
                self._problems.add(problem.file, problem.line, problem.message, code=problem.code, hint=problem.hint)  # fmt: skip

    def _records(
        self, split: Split, broken: Findings
    ) -> Iterator[tuple[str, int, dict[str, object], dict[str, Any] | None]]:
        """(file, line, row, record), None for the record of a row that cannot be used."""
        rows = split.named_rows(broken) if self._form.templates else split.rows(broken)
        for file, (line, row) in rows:
            try:
                yield file, line, row, self._form.record(row)
            except SharedError as error:
                broken.add_once(file, line, str(error))
                yield file, line, row, None
            except RowError as error:
                broken.add(file, line, str(error))
                yield file, line, row, None

    def _read(self, part: str, split: Split, test_rows: frozenset[int]) -> None:
        number, tally = 0, self._broken_rows.part(part)
        where = split.name if split.hub is not None else ", ".join(map(str, split.paths))
        self._counted(part, where)
        if test_rows:
            self._counted("test", f"{where} (held out)")
        for file, line, row, record in self._records(split, tally):
            self._rows += 1
            self._say(self._rows)
            self._look(file, (line, row))
            if record is None:
                continue
            shown = "test" if number in test_rows else part
            before = self._problems.total
            self._take(shown, file, line, row, record)
            number += 1
            if self._broken_rows.may_skip and (refused := self._problems.withdrawn(before)):
                tally.add(file, line, refused[0].message)
                self._splits[shown]["rows"] -= 1
        self._splits[part]["broken"] = tally.total
        if not number and not tally.total:
            self._problems.add(where, 0, "the split holds no rows", code="empty-file")

    def _settle_broken(self) -> None:
        """Broken rows are problems, or left out where the recipe says so."""
        usable = {part: split["rows"] for part, split in self._splits.items()}
        if isinstance(self._job.data.test_split, float):
            usable["train"] = usable.get("train", 0) + usable.pop("test", 0)
        refused = self._broken_rows.refused(usable)
        if refused is not None:
            self._problems.take(refused)
        elif self._broken_rows.total:
            self._warnings.take(self._broken_rows.left_out())

    def _counted(self, part: str, where: str) -> None:
        self._splits[part] = {"from": where, "rows": 0, "broken": 0}

    def _take(
        self, part: str, file: str, line: int, row: Mapping[str, object], record: dict[str, Any]
    ) -> None:
        self._splits[part]["rows"] += 1
        compared = self._comparing(row, record)
        self._index.add(
            file, line, test=part == "test", question=compared.question, whole=compared.whole, text=compared.text
        )  # fmt: skip
        if part in self._answers and compared.answers:
            self._answers[part].add(compared.answers, f"{file}:{line}")
        if part == "test" and self._job.evaluate:
            for clause in measurable.unmeasurable(self._job, self._form.test_row(line, record)):
                self._problems.add(file, line, clause, code=measurable.CODE, hint=measurable.HINT)
        if part == "train" and self._tokens:
            try:
                self._tokens.add(record)
            except DataError as error:
                self._tokens, self._in_the_way = None, error
        try:
            self._rules.look(SeenRow(part, file, line, row, record))
        except DataError as error:
            self._in_the_way = error

    def _look(self, file: str, row: Row) -> None:
        """For what has no place in a text, in all columns: those that are not trained on are uploaded with the rest."""
        line, cells = row
        for name, value in cells.items():
            if len(self._columns) < MOST_COLUMNS:
                self._columns.setdefault(name)
            text = value if isinstance(value, str) else as_text(value)
            for kind in secrets_in(text):
                hint = "take it out, and revoke it if anybody else has seen the data"
                self._problems.add(file, line, f"{kind} stands in column {name!r}", code="secret", hint=hint)
            if has_email(text):
                self._warnings.add(file, line, f"an e-mail address stands in column {name!r}", code="email-address")  # fmt: skip


def _nothing() -> dict[str, Any]:
    return {
        "splits": {},
        "columns": {"all": [], "used": [], "system": None, "unused": []},
        "tokens": {},
        "answers": {},
        "labels": {},
        "label_places": {},
        "classes": "",
        "doubles": {},
        "sensitive": {},
        "unread": {},
        "notes": [],
        "left_to_trainer": False,
        "found": _as_found([], [], {}),
    }


def _as_found(problems: list[Problem], warnings: list[Problem], totals: Mapping[str, int]) -> dict[str, Any]:
    return {
        "problems": [asdict(problem) for problem in problems],
        "warnings": [asdict(warning) for warning in warnings],
        "totals": {code: total for code, total in totals.items() if total},
    }


def _masked_keys(labels: Mapping[str, Any]) -> dict[str, Any]:
    return {masked(label): count for label, count in labels.items()}


class _Progress:
    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, rows: int) -> None:
        if rows % 256 == 0 and time.monotonic() - self._last > BETWEEN:
            self._last = time.monotonic()
            sys.stderr.write(f'::progress {{"rows": {rows}}}\n')
            sys.stderr.flush()


def main() -> int:
    answer = inspect_rows(json.load(sys.stdin), _Progress())
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
