"""How many tokens the trainer will see, counted with the base's tokenizer by the engine's rules."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.form import Form
from hf_recipes.engines.preparation import TokenRules, TrainedExample
from hf_recipes.engines.trimming import LEFT_OUT, NOTHING_LEARNED, WHAT, Trim, Trimmed
from hf_recipes.inference.chat_template import TemplateRefused, frame_of, render_chat
from hf_recipes.steps.prepare.first_pass import Seen

BATCH = 256
ANSWER_ROWS = 2000
"""Rows of which the tokens of the answers are counted apart: enough for a share."""


class Count:
    """Counts the tokens of training records as they pass by."""

    def __init__(self, tokenizer: Any, form: Form, rules: TokenRules) -> None:
        self.tokenizer = tokenizer
        self._form = form
        self._rules = rules
        self.packed, self.spread = rules.packed, rules.spread
        self.limit, self.limited_by = rules.limit, rules.limited_by
        self.frame = AnswerFrame()
        """What the template writes around answers; the trainer renders with its options."""
        self.reasoning: tuple[str, str] | None = None
        """What opens and closes the reasoning that most answers begin with."""
        self._waiting: list[tuple[list[str], Mapping[str, Any]]] = []
        self._answers: list[str] = []
        self._packed_rows = array("L")
        """Tokens of each row that goes into a block as a whole."""
        self._trims: Counter[Trim] = Counter()
        self.rows = self.total = self.longest = self.cut = self._kept = self._left_out = 0
        self._answer_rows = self._answer_tokens = self._answer_total = 0
        self._trained_tokens = self._example_tokens = 0

    def learn(self, seen: Seen) -> None:
        """What the first look at the training rows has shown, before they are added."""
        if self._form.conversations:
            self.reasoning = seen.reasoning
            self.frame = frame_of(self.tokenizer, seen.reasoning)

    def add(self, record: Mapping[str, Any]) -> None:
        self._waiting.append((self.texts(record), record))
        if self._form.conversations and self._answer_rows < ANSWER_ROWS:
            self._answer_rows += 1
            self._note_answers(record)
        if len(self._waiting) >= BATCH:
            self._flush()

    def _note_answers(self, record: Mapping[str, Any]) -> None:
        """Takes what the trainer learns of a record into the share that `result` tells; where it learns all, what answers are."""
        made = self.example(record)
        if made is None:
            messages = self._form.messages(record)
            self._answers += [message["content"] for message in messages if message["role"] == "assistant"]
        else:
            self._trained_tokens += sum(made.trained)
            self._example_tokens += len(made.trained)

    def example(self, record: Mapping[str, Any]) -> TrainedExample | None:
        """What the trainer gets of a record; None where it learns every token, or its template refuses the record."""
        try:
            return self._rules.example(record, self.frame)
        except TemplateRefused:
            return None  # rules/template_refusals.py says it

    def texts(self, record: Mapping[str, Any]) -> list[str]:
        """The texts of a record as the trainer's tokenizer gets them."""
        return self._rules.texts(record, self.rendered)

    def rendered(self, messages: Sequence[Mapping[str, str]]) -> str:
        try:
            return render_chat(self.tokenizer, messages, **self.frame.options)
        except TemplateRefused:
            return ""  # rules/template_refusals.py says it

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text of one record, with those that the trainer adds."""
        return next(self.lengths_of([texts]), [])

    def lengths_of(self, rows: Sequence[Sequence[str]]) -> Iterator[list[int]]:
        """As `lengths`, of many records at once."""
        flat = [text for texts in rows for text in texts]
        found = iter(self._ids(flat, special=self._rules.special_tokens))
        for texts in rows:
            yield self._rules.lengths([next(found) for _ in texts])

    def _ids(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        made = self.tokenizer(list(texts), add_special_tokens=special, truncation=False, verbose=False)
        return list(made["input_ids"])

    def is_cut(self, lengths: Sequence[int]) -> bool:
        """Whether the trainer does not keep this example whole. A packed one that is longer than a block is
        spread over several: no token is lost, but the model never sees all of it at once."""
        return bool(self._rules.trim(lengths).trims)

    def count(self, lengths: Sequence[int], record: Mapping[str, Any]) -> Trimmed:
        """Takes one more record with texts of these lengths into what `trims` and `result` say; returns what is kept of it."""
        trimmed = self._rules.trim(lengths)
        if trimmed.trims and (made := self.example(record)) and not any(made.trained):
            trimmed = Trimmed(0, tuple(replace(trim, code=NOTHING_LEARNED) for trim in trimmed.trims))
        self.rows += 1
        self.total += sum(lengths)
        self.cut += bool(trimmed.trims)
        self._kept += trimmed.kept
        self._trims.update(trimmed.trims)
        self._left_out += any(trim.code in LEFT_OUT for trim in trimmed.trims)
        if self.packed and not self.spread and trimmed.kept:
            self._packed_rows.append(trimmed.kept)
        return trimmed

    def trims(self) -> list[dict[str, Any]]:
        """Each way in which rows are trimmed: code, key, limit, rows, and what happens to them, in words. Empty where what does not fit goes on in another block."""
        if self.spread:
            return []
        return [
            {"code": trim.code, "key": trim.key, "limit": trim.limit, "rows": rows, "what": WHAT[trim.code]}
            for trim, rows in self._trims.items()
        ]

    def result(self) -> dict[str, Any]:
        """train_total, mean, max, kept (tokens that one epoch sees), examples (what a batch is made of), cut (rows that are not
        kept whole), trims, and limit. When examples are packed, also `blocks`, the examples that the trainer makes of them, and
        `left_over`, the tokens after the last where rows are joined end to end. Of conversations `trained_share`, the part of
        the tokens that is learned, or, where all are, `answer_share`, the part that is answers."""
        self._flush()
        found: dict[str, Any] = {
            "train_total": self.total,
            "mean": round(self.total / self.rows, 1) if self.rows else 0.0,
            "max": self.longest,
            "cut": self.cut,
            "limit": self.limit,
            "kept": self._kept,
            "examples": self.rows - self._left_out,
        }
        if not self.spread:
            found["trims"] = self.trims()
        if self.spread and self.limit:
            found["blocks"] = found["examples"] = self._rules.blocks([self.total])
            found["kept"] = found["blocks"] * self.limit
            found["left_over"] = self.total - found["kept"]
        elif self.packed:
            found["blocks"] = found["examples"] = self._rules.blocks(self._packed_rows)
        if self._form.task == "text_extractive_question_answering":
            del found["examples"]  # a row becomes as many as it has windows
        if self._example_tokens:
            found["trained_share"] = round(self._trained_tokens / self._example_tokens, 4)
        elif self._answer_total:
            found["answer_share"] = round(self._answer_tokens / self._answer_total, 4)
        return found

    def _flush(self) -> None:
        if not self._waiting:
            return
        asked = self._answer_rows - self.rows
        found = self.lengths_of([texts for texts, _ in self._waiting])
        for place, ((_, record), lengths) in enumerate(zip(self._waiting, found, strict=True)):
            self.count(lengths, record)
            self.longest = max(self.longest, *lengths)
            self._answer_total += sum(lengths) if place < asked else 0
        self._answer_tokens += sum(map(len, self._ids(self._answers, special=False)))
        self._answers.clear()
        self._waiting.clear()
