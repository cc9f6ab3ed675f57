"""What a row must look like for one trainer, and what of it is the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hf_recipes.data.checks import cells
from hf_recipes.data.checks import checked_record as convert
from hf_recipes.data.columns import Column, expected, is_chat, named_in_table, trainer_of
from hf_recipes.data.final_answer import FinalAnswer, expected_answer
from hf_recipes.data.messages import (
    NoColumn,
    RowError,
    folded,
    from_templates,
    names_in_words,
    parse_template,
    with_system,
)
from hf_recipes.recipe.model import Message


@dataclass(frozen=True)
class Form:
    task: str
    columns: tuple[Column, ...]
    """Empty for tabular data, where every column counts."""
    templates: tuple[Message, ...] = ()
    conversations: bool = False
    """Whether a record is one conversation under the text column: supervised chat training."""
    named: Mapping[str, str] = field(default_factory=dict)
    """Tabular data: a column that the recipe names → the parameter that does."""
    system_column: str | None = None
    """The column of the system turn, beside ready-made messages."""
    ends: tuple[str, ...] = ()
    """End tokens of the base's tokenizer beside those of `final_answer`, which nothing is compared with."""

    folds: bool = False
    """Whether a system turn's text is put in front of the first user turn."""

    @property
    def label(self) -> Column | None:
        """The column of class labels, where the trainer wants declared classes."""
        return next((column for column in self.columns if column.kind in ("label", "labels")), None)

    def record(self, row: Mapping[str, object]) -> dict[str, object]:
        """What the trainer sees of a row. Raises RowError."""
        if self.templates:
            record: dict[str, object] = {self.columns[0].name: from_templates(self.templates, row)}
        else:
            record = convert(row, self.columns) if self.columns else cells(row, self.named)
        if self.system_column:
            record = self._with_system(row, record)
        if self.folds:
            for column in self.columns:
                if column.kind == "messages":
                    record[column.name] = folded(record[column.name])  # type: ignore[arg-type]
        return record

    def _with_system(self, row: Mapping[str, object], record: dict[str, object]) -> dict[str, object]:
        name = str(self.system_column)
        if name not in row:
            raise NoColumn(f"no column '{name}' (data.system_column); the columns are {names_in_words(row)}")
        for column in self.columns:
            if column.kind == "messages":
                record[column.name] = with_system(record[column.name], name, row[name])  # type: ignore[arg-type]
        return record

    def messages(self, record: Mapping[str, object]) -> list[dict[str, str]]:
        """The conversation of a record; only for `conversations`."""
        return record[self.columns[0].name]  # type: ignore[return-value]

    def final(self, record: Mapping[str, object]) -> FinalAnswer:
        """The answer that a conversation ends with, apart from its reasoning and its end token."""
        return expected_answer(self.messages(record)[-1]["content"], self.ends)

    def prompt(self, record: Mapping[str, object]) -> object:
        """What is asked, without the answer: two records with an equal prompt are duplicates."""
        if self.conversations:
            return self.messages(record)[:-1]
        if not self.columns:
            return record
        return {column.name: record[column.name] for column in self.columns if not column.target}

    def test_row(self, number: int, record: Mapping[str, object]) -> dict[str, object]:
        """A held-out row as it is recorded, numbered from 0. `reasoning` is what stands before the answer, where it is any."""
        if not self.conversations:
            return {"row": number, "data": dict(record)}
        found = self.final(record)
        row = {"row": number, "messages": self.messages(record)[:-1], "reference": found.answer}
        return {**row, "reasoning": found.reasoning} if found.reasoning else row


def form_of(
    task: str, params: Mapping[str, object], templates: Sequence[Message] = (), system: str = "turn"
) -> Form:
    """The form for a task; `system` as in `data.system`. Raises RowError when a template cannot be parsed."""
    for template in templates:
        parse_template(template.content)
    chat = is_chat(task, params, bool(templates))
    conversations = chat and trainer_of(params) in ("sft", "default")
    if templates and not conversations:
        raise RowError("data.messages goes with llm-sft and llm-generic only")
    columns = expected(task, params, chat=chat)
    named = named_in_table(task, params)
    return Form(task, columns, tuple(templates), conversations, named, folds=system == "fold")
