"""The rows of a split as they are used, in a pass after the first: converted, and without those that are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_recipes.data.checks import class_id
from hf_recipes.data.findings import Findings
from hf_recipes.data.form import Form
from hf_recipes.data.messages import RowError
from hf_recipes.record.job import Job
from hf_recipes.steps.prepare.broken_rows import BrokenRows
from hf_recipes.steps.prepare.dataset import Split
from hf_recipes.steps.prepare.first_pass import rows_for
from hf_recipes.steps.prepare.measurable import check_row, unmeasurable
from hf_recipes.steps.prepare.rules import RowRules
from hf_recipes.steps.prepare.rules.rule import SeenRow


@dataclass(frozen=True)
class RowReader:
    form: Form
    classes: Sequence[str]
    numbers: Mapping[str, bool]
    broken: BrokenRows

    def rows(self, split: Split, part: str) -> Iterator[SeenRow]:
        """The rows of a split, in their records labels as class ids, numbers of a text file as numbers."""
        label = self.form.label
        for file, (line, row) in rows_for(split, self.form, Findings()):
            try:
                record = self.form.record(row)
            except RowError:
                continue  # broken, and counted in the first pass
            try:
                if label and self.classes:
                    record[label.name] = self._ids(record[label.name])
            except RowError as error:
                late = self.broken.part(part)
                late.add(file, line, str(error))
                if not self.broken.may_skip:
                    late.stop()
                continue
            for name, whole in self.numbers.items():
                if record.get(name) is not None:
                    record[name] = int(str(record[name])) if whole else float(str(record[name]))
            yield SeenRow(part, file, line, row, record)

    def _ids(self, value: Any) -> Any:
        return (
            [class_id(item, self.classes) for item in value]
            if isinstance(value, list)
            else class_id(value, self.classes)
        )


@dataclass(frozen=True)
class Fitting:
    """Whether a row that can be read can also be used, by the rules and by what metrics need."""

    job: Job
    rules: RowRules | None
    broken: BrokenRows
    tested: str
    """The split that test rows stand in."""

    def to_train_on(self, seen: SeenRow) -> bool:
        if self.rules is None:
            return True
        if not self.broken.may_skip:
            self.rules.look(seen)
            return True
        refused = self.rules.refused(seen)
        if refused:
            self.broken.part(self._split_of(seen)).add(seen.file, seen.line, refused[0].message)
        return not refused

    def to_measure_on(self, seen: SeenRow, row: Mapping[str, Any], split: str) -> bool:
        """Raises DataError for a row that the recipe's metrics can't measure, where it may not be left out."""
        if not self.to_train_on(seen):
            return False
        if not self.broken.may_skip:
            check_row(self.job, row, split)
            return True
        lacks = next(iter(unmeasurable(self.job, row)), None)
        if lacks is not None:
            self.broken.part(self._split_of(seen)).add(seen.file, seen.line, lacks)
        return lacks is None

    def _split_of(self, seen: SeenRow) -> str:
        return self.tested if seen.part == "test" else seen.part
