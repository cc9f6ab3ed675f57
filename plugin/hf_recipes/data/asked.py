"""What a row asks and what it answers, apart from what all rows share: by this rows are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hf_recipes.data.cell_text import as_text
from hf_recipes.data.form import Form
from hf_recipes.data.messages import columns_in

SAID = ("label", "labels", "text")
"""Kinds of columns that hold something to say; a number is not one of a few answers."""


@dataclass(frozen=True)
class Compared:
    question: object
    """What is asked: two rows with an equal one are the same question."""
    whole: object
    """Question and answer."""
    text: str
    """The question as text, without the system prompt and the fixed words of templates, which would make all rows alike."""
    answers: tuple[str, ...]
    """What the model should say: one answer, or the tags of a row. Empty where that is a number, or a row is all text."""


class Comparing:
    """Takes rows of one form apart."""

    def __init__(self, form: Form, params: Mapping[str, object]) -> None:
        self._form = form
        self._asked = _question_columns(form)
        self._identity = str(params.get("id_column") or "id")
        self._targets = _names(params.get("target_columns") or "target")
        self._classes = params.get("task") == "classification"

    @property
    def has_text(self) -> bool:
        return bool(self._form.columns)

    def __call__(self, row: Mapping[str, object], record: Mapping[str, object]) -> Compared:
        form = self._form
        if not form.columns:
            return self._of_table(record)
        question = form.prompt(record)
        if form.conversations:
            messages = form.messages(record)
            asked = (
                [as_text(row.get(name)) for name in self._asked]
                if self._asked
                else [turn["content"] for turn in messages[:-1] if turn["role"] != "system"]
            )
            return Compared(question, messages, "\n".join(asked), (form.final(record).answer,))
        text = "\n".join(as_text(record[column.name]) for column in form.columns if not column.target)
        answers = [record[column.name] for column in form.columns if column.target and column.kind in SAID]
        many = answers[0] if len(answers) == 1 and isinstance(answers[0], list) else answers
        # A language model that is not asked in conversations has no answer of its own: it learns the whole text.
        said = () if form.task == "lm_training" else tuple(as_text(answer) for answer in many)
        return Compared(question, dict(record), text, said)

    def _of_table(self, record: Mapping[str, object]) -> Compared:
        whole = {name: value for name, value in record.items() if name != self._identity}
        question = {name: value for name, value in whole.items() if name not in self._targets}
        answers = tuple(as_text(record[name]) for name in self._targets if name in record)
        return Compared(question, whole, "", answers if self._classes else ())


def used_columns(form: Form) -> tuple[str, ...]:
    """The columns that the trainer sees; empty where it sees all of them (tabular data)."""
    if form.templates:
        return columns_in(template.content for template in form.templates)
    system = (form.system_column,) if form.system_column else ()
    return (*(column.name for column in form.columns), *system)


def _question_columns(form: Form) -> tuple[str, ...]:
    """The columns that the turns before the last are filled from."""
    return columns_in(template.content for template in form.templates[:-1] if template.role != "system") or (
        columns_in(template.content for template in form.templates[:-1])
    )


def _names(value: object) -> Sequence[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]
