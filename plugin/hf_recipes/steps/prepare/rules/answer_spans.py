"""Extractive question answering: each answer stands in its context where `answer_start` says."""

from __future__ import annotations

from typing import Any

from hf_recipes.steps.prepare.rules.faulty_rows import FaultyRows
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

SHOWN = 60


def answer_spans(context: Context) -> Rule | None:
    return AnswerSpans(context) if context.job.task == "text_extractive_question_answering" else None


class AnswerSpans:
    def __init__(self, context: Context) -> None:
        named = {column.parameter: column.name for column in context.form.columns}
        self._context, self._answers = named["text_column"], named["answer_column"]
        self._rows = FaultyRows(
            context, "answer-start", "answer_start counts characters of the context, from 0"
        )

    def look(self, row: SeenRow) -> None:
        text, answers = str(row.record[self._context]), row.record[self._answers]
        self._rows.look(row, _wrong(self._context, text, answers))

    def finish(self) -> None:
        self._rows.finish()


def _wrong(name: str, text: str, answers: Any) -> str | None:
    """The first answer of a row that does not stand where it should."""
    for start, answer in zip(answers["answer_start"], answers["text"], strict=True):
        end = start + len(answer)
        if not answer.strip():
            return "an answer is empty; where there is none, both lists are"
        there = text[start:end] if start >= 0 else ""
        if there != answer:
            elsewhere = text.find(answer)
            where = f"it stands at {elsewhere}" if elsewhere >= 0 else "it stands nowhere in it"
            return f"{name}[{start}:{end}] is {_quoted(there)}, not {_quoted(answer)}: {where}"
    return None


def _quoted(text: str) -> str:
    return f'"{text if len(text) <= SHOWN else text[:SHOWN] + "…"}"'
