"""Whether the expected answers of the test rows can be given within `evaluate.max_new_tokens`, and what would be enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import SimpleNamespace

from hf_recipes.catalog.metrics import metrics_where
from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.answer_room import KEY, MOST_LONGER, with_room
from hf_recipes.inference.chat_template import TemplateRefused, frame_of, prompt_text, render_chat
from hf_recipes.inference.generation import end_tokens
from hf_recipes.inference.loading import positions
from hf_recipes.steps.answer.prompts import told_baseline
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow
from hf_recipes.steps.prepare.tokens import BATCH

CODE = "answers-too-long"
NO_ROOM = "no-room-for-answers"
LOOKED_AT = 8
"""Rows by which it is found out what the chat template adds to an answer."""
MANY = 20_000
"""Test rows that are all cut into tokens. Of more, only those that have a longer prompt or answer than any before in characters,
or may be longer than the recipe's limit: what is counted stays exact, and the longest is at most a little longer."""
GENERATED = metrics_where("generated")
Messages = Sequence[Mapping[str, str]]


def answer_length(context: Context) -> Rule | None:
    """None where the model does not answer conversations, or tokens cannot be counted."""
    if context.tokenizer is None or not context.form.conversations:
        return None
    return AnswerLength(context)


class AnswerLength:
    """Leaves `answers` in the facts: {"rows", "longest", "room"}, and where the recipe sets a limit of its own "limit" and
    "longer", the rows whose expected answer is longer. Reasoning in an answer counts: it is generated too."""

    def __init__(self, context: Context) -> None:
        self._context, self._tokenizer = context, context.tokenizer
        evaluate = context.job.evaluate
        self._generates = evaluate is not None and any(
            metric.name in GENERATED for metric in evaluate.metrics
        )
        self._limit = evaluate.max_new_tokens if evaluate else None
        self._system = evaluate.baseline_system if evaluate else None
        self._ends = end_tokens(SimpleNamespace(generation_config=None), self._tokenizer)
        self._waiting: list[Messages] = []
        self._most = (0, 0)
        """Characters of the longest prompt and of the longest answer so far."""
        self._added = 1
        """Tokens beside those of the text: the end token, and what the template writes into the turn."""
        self._rows = self._longest = self._longer = self._prompt = 0

    @cached_property
    def _frame(self) -> AnswerFrame:
        """A block that the template writes before each answer belongs to the prompt. Found out at the first row: a template
        without bounds is reported by the step that shows rows."""
        return frame_of(self._tokenizer)

    def look(self, row: SeenRow) -> None:
        if row.part != "test":
            return
        messages = self._context.form.messages(row.record)
        if self._rows < LOOKED_AT:
            self._added = max(self._added, self._template_adds(messages))
        self._rows += 1
        if not self._matters(messages) and self._rows > MANY:
            return
        self._waiting.append(messages)
        if len(self._waiting) >= BATCH:
            self._count()

    def _matters(self, messages: Messages) -> bool:
        """A token has a byte at the least."""
        asked, answer = sum(len(turn["content"]) for turn in messages[:-1]), messages[-1]["content"]
        longer = asked > self._most[0] or len(answer) > self._most[1]
        self._most = max(self._most[0], asked), max(self._most[1], len(answer))
        return longer or (self._limit is not None and len(answer.encode()) + self._added > self._limit)

    def finish(self) -> None:
        self._count()
        if not self._rows:
            return
        known = _positions(self._context)
        room = with_room(self._longest)
        if known is not None:
            room = max(1, min(room, known - self._prompt))
        self._context.facts["answers"] = {
            "rows": self._rows,
            "longest": self._longest,
            "room": room,
            **({} if self._limit is None else {"limit": self._limit, "longer": self._longer}),
        }
        if not self._generates:
            return
        if self._limit is not None and self._longer:
            self._tell_longer(self._limit, room)
        if known is not None and self._prompt + (self._limit or self._longest) > known:
            self._tell_no_room(known)

    def _tell_longer(self, limit: int, room: int) -> None:
        message = (
            f"{limit:,} is less than the expected answer of {self._longer:,} of {self._rows:,} test rows "
            f"(longest {self._longest:,})"
        )
        hint = f"set it to {room:,}, or leave it out: then it follows from the data"
        many = self._longer > MOST_LONGER * self._rows
        found = self._context.problems if many else self._context.warnings
        found.add(KEY, 0, message, code=CODE, hint=hint)

    def _tell_no_room(self, known: int) -> None:
        left = max(0, known - self._prompt)
        wanted = f"{self._limit:,} are set" if self._limit else f"the longest has {self._longest:,}"
        message = (
            f"the base takes {known:,} tokens, prompt and answer together; the longest prompt of the test rows has "
            f"{self._prompt:,}, which leaves {left:,} for an answer, and {wanted}"
        )
        lower = f"set it to {left:,}, or leave" if self._limit and self._longest <= left else "leave"
        self._context.problems.add(KEY, 0, message, code=NO_ROOM, hint=f"{lower} out the rows that long")

    def _count(self) -> None:
        answers = [str(messages[-1]["content"]).strip() for messages in self._waiting]
        for length in self._lengths(answers):
            self._longest = max(self._longest, length + self._added)
            self._longer += self._limit is not None and length + self._added > self._limit
        asked = [messages[:-1] for messages in self._waiting]
        prompts = [self._rendered(asked_row) for asked_row in asked]
        if self._system is not None:
            prompts += [self._rendered(told_baseline(self._context.job, asked_row)) for asked_row in asked]
        self._prompt = max([self._prompt, *self._lengths(prompts)])
        self._waiting.clear()

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        ids = self._tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(text_ids) for text_ids in ids["input_ids"]]

    def _rendered(self, messages: Messages) -> str:
        try:
            return prompt_text(self._tokenizer, messages, self._frame)
        except TemplateRefused:  # template_refusals says it
            return ""

    def _template_adds(self, messages: Messages) -> int:
        """By how many tokens the turn that the model has to write, up to its end token, is longer than its text."""
        prompt = self._rendered(messages[:-1])
        try:
            whole = render_chat(self._tokenizer, messages, **self._frame.options)
        except TemplateRefused:
            return 1
        if not (prompt and whole.startswith(prompt)):
            return 1
        turn = self._tokenizer(whole[len(prompt) :], add_special_tokens=False)["input_ids"]
        end = next((place for place, token in enumerate(turn) if token in self._ends), None)
        [text] = self._lengths([str(messages[-1]["content"]).strip()])
        return max(1, (len(turn) if end is None else end) + 1 - text)


def _positions(context: Context) -> int | None:
    """How many positions the base knows; None where its config does not say."""
    try:
        return positions(str(context.tokenizer.name_or_path), context.job.trust_remote_code)
    except (OSError, ValueError):
        return None
