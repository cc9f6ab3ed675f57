"""Answers that begin with reasoning: they are trained on whole, and what follows the reasoning is compared."""

from __future__ import annotations

from hf_recipes.data.final_answer import MARKS, FinalAnswer, final_answer
from hf_recipes.data.messages import shortened
from hf_recipes.inference.chat_template import TemplateRefused, render_chat
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

CODE, OPEN, DROPPED = "reasoning-in-answer", "reasoning-unclosed", "reasoning-dropped"
NOTHING = "unmeasurable"
BEGINNING = 200
"""Letters of the reasoning that are looked for in what is trained on."""


def reasoning_in_answers(context: Context) -> Rule | None:
    """None where rows are no conversations."""
    return ReasoningInAnswers(context) if context.form.conversations else None


class ReasoningInAnswers:
    def __init__(self, context: Context) -> None:
        self._context = context

    def look(self, row: SeenRow) -> None:
        form = self._context.form
        found = final_answer(form.messages(row.record)[-1]["content"], form.ends)
        expected = "expected " if row.part == "test" else ""
        if not found.closed:
            said = f"the {expected}answer opens a block of reasoning and never closes it; all of it counts as the answer"
            self._context.warnings.add(row.file, row.line, said, code=OPEN)
        elif found.reasoning:
            self._tell(row, found, expected)

    def finish(self) -> None:
        """Each row is judged alone."""

    def _tell(self, row: SeenRow, found: FinalAnswer, expected: str) -> None:
        warnings, mark = self._context.warnings, _mark(found.reasoning)
        measured = row.part == "test" and self._context.job.evaluate is not None
        if not found.answer and not measured:
            said = f"the {expected}answer is nothing but reasoning ({mark})"
            warnings.add(row.file, row.line, said, code=CODE)
            return
        if not found.answer:
            said = f"nothing follows the reasoning ({mark}) of the expected answer, and what follows it is compared"
            hint = "write the answer behind it, or leave the row out"
            self._context.problems.add(row.file, row.line, said, code=NOTHING, hint=hint)
            return
        what = "an empty block of reasoning" if found.empty else "reasoning"
        does = "is compared" if row.part == "test" else "counts as the answer; both are trained on"
        said = f"the {expected}answer begins with {what} ({mark}): what follows it {does}"
        warnings.add(row.file, row.line, said, code=CODE)
        if not found.empty and row.part == "train" and self._dropped(row, found):
            said = f"the chat template leaves the reasoning ({mark}) of the answer out: it is not trained on"
            warnings.add(row.file, row.line, said, code=DROPPED)

    def _dropped(self, row: SeenRow, found: FinalAnswer) -> bool:
        tokenizer = self._context.tokenizer
        if tokenizer is None:
            return False
        try:
            text = render_chat(tokenizer, self._context.form.messages(row.record))
        except TemplateRefused:
            return False
        return MARKS.sub("", found.reasoning).strip()[:BEGINNING] not in text


def _mark(reasoning: str) -> str:
    found = MARKS.search(reasoning)
    return found[0] if found else shortened(reasoning.strip(), 20)
