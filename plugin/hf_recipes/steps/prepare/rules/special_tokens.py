"""Special tokens of the base in the texts of rows: a tokenizer reads them as what they stand for, not as text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hf_recipes.data.final_answer import MARKS, without_end
from hf_recipes.data.messages import names_in_words
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

CODE = "special-token"
SHAPE = re.compile(r"<[^<>\s]{1,60}>|\[[A-Z_/]{2,30}\]")
"""How special tokens are written. Looking for each by itself costs too much: some tokenizers have thousands."""
END_HINT = "leave it away: the chat template writes the end of a turn itself"


def special_tokens(context: Context) -> Rule | None:
    """None without a tokenizer, and for plain text, in which people write a chat template's tokens by hand."""
    form = context.form
    plain = form.task == "lm_training" and not any(column.kind == "messages" for column in form.columns)
    if context.tokenizer is None or (plain and not form.conversations):
        return None
    return SpecialTokens(context)


class SpecialTokens:
    def __init__(self, context: Context) -> None:
        self._form, self._warnings = context.form, context.warnings
        self._special = _special(context.tokenizer)

    def look(self, row: SeenRow) -> None:
        for name, text, answer in self._texts(row):
            if "<" not in text and "[" not in text:
                continue
            end = text.rstrip()[len(without_end(text, self._form.ends)) :].strip() if answer else ""
            if end:
                self._tell_end(row, end)
                text = without_end(text, self._form.ends)
            found = [token for token in dict.fromkeys(SHAPE.findall(text)) if token in self._special]
            if found:
                said = f"{name} holds {names_in_words(found)}, which the base's tokenizer reads as a special token, not as text"
                self._warnings.add(row.file, row.line, said, code=CODE)

    def finish(self) -> None:
        """Each row is judged alone."""

    def _tell_end(self, row: SeenRow, end: str) -> None:
        known = end in self._special
        what = "an end token of the base" if known else "an end token of other models, and text to this base"
        expected = "expected " if row.part == "test" else ""
        done = "is not compared" if row.part == "test" else "is trained on, and not compared"
        said = f"the {expected}answer ends with {end!r}, {what}: it {done}"
        self._warnings.add(row.file, row.line, said, code=CODE, hint=END_HINT)

    def _texts(self, row: SeenRow) -> Iterator[tuple[str, str, bool]]:
        """(what it is called, the text, whether it is an answer)."""
        for column in self._form.columns:
            value = row.record.get(column.name)
            if column.kind == "messages" and isinstance(value, list):
                for number, turn in enumerate(value, start=1):
                    if isinstance(turn, Mapping):
                        role = str(turn["role"])
                        last = role == "assistant" and number == len(value)
                        yield f"the {role}'s turn (message {number})", str(turn["content"]), last
            elif column.kind == "text" and isinstance(value, str):
                yield f"column '{column.name}'", value, False


def _special(tokenizer: Any) -> frozenset[str]:
    added = getattr(tokenizer, "added_tokens_decoder", {})
    named = {str(token) for token in added.values() if getattr(token, "special", False)}
    # A mark of reasoning is told by reasoning_in_answers.
    return frozenset(
        token for token in named | set(map(str, tokenizer.all_special_tokens)) if not MARKS.fullmatch(token)
    )
