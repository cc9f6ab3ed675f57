"""A row → the tokens that TRL's trainer gets, and which of them it learns. The prepare step counts by it, the trainer trains by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.final_answer import final_answer
from hf_recipes.engines.preparation import TrainedExample
from hf_recipes.inference.chat_template import TemplateRefused, end_texts, render_chat

Span = tuple[int, int]
"""Where a piece of text begins and where it ends, in characters."""


class Rows:
    """For one base and one set of parameters."""

    def __init__(
        self, tokenizer: Any, column: str, train_on: str, *, conversations: bool, add_end: bool, limit: int
    ) -> None:
        self.limit = limit
        """Tokens after which a row is cut."""
        self._tokenizer, self._column, self._train_on = tokenizer, column, train_on
        self._conversations = conversations
        self._add_end = add_end or conversations
        self._ends = end_texts(tokenizer)

    def text(self, record: Mapping[str, Any], frame: AnswerFrame) -> str:
        """Raises TemplateRefused."""
        if not self._conversations:
            return str(record[self._column])
        return render_chat(self._tokenizer, record[self._column], **frame.options)

    def needs_end(self, ids: Sequence[int]) -> bool:
        """Whether an end token is put behind a row of these tokens: a conversation must end in one, or no answer ever would."""
        if not self._add_end or self._tokenizer.eos_token_id is None:
            return False
        tail = self._tokenizer.decode(list(ids[-4:])).rstrip()
        return not tail.endswith(self._ends)

    def example(self, record: Mapping[str, Any], frame: AnswerFrame) -> TrainedExample:
        """Cut at the limit. Raises TemplateRefused."""
        text = self.text(record, frame)
        spans = self._spans(record, text, frame)
        made = self._tokenizer(
            text, add_special_tokens=not self._conversations, return_offsets_mapping=True, verbose=False
        )
        ids = [int(token) for token in made["input_ids"]]
        trained = [spans is None or _within(offsets, spans) for offsets in made["offset_mapping"]]
        if self.needs_end(ids):
            ids.append(int(self._tokenizer.eos_token_id))
            trained.append(spans is None or bool(spans and not text[spans[-1][1] :].strip()))
        return TrainedExample(ids[: self.limit], trained[: self.limit], _parts(text, spans))

    def _spans(self, record: Mapping[str, Any], text: str, frame: AnswerFrame) -> list[Span] | None:
        """The parts of the text that are learned; None: all of it."""
        if self._train_on == "all" or not self._conversations:
            return None
        return list(self._answers(record[self._column], text, frame))

    def _answers(
        self, messages: Sequence[Mapping[str, str]], text: str, frame: AnswerFrame
    ) -> Iterator[Span]:
        """What the model itself would have to write: each answer with the end token behind it."""
        turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
        cursor = 0
        for place in turns:
            begin = self._begin(messages[:place], text, frame)
            if begin is None and place:
                asked = _found(text, messages[place - 1]["content"], cursor)
                cursor = asked[1] if asked else cursor
            content = _found(text, messages[place]["content"], max(cursor, begin or 0))
            if content is None:
                continue  # the template leaves it out, as some do with what was thought in earlier turns
            start = content[0] if begin is None else begin
            cursor = self._end(text, content[1], frame)
            if self._train_on == "assistant" or place == turns[-1]:
                yield start, cursor

    def _begin(self, before: Sequence[Mapping[str, str]], text: str, frame: AnswerFrame) -> int | None:
        """Where the model is asked to go on after these messages; None where the template writes them otherwise by then."""
        try:
            plain = render_chat(self._tokenizer, before, **frame.options)
            asked = render_chat(self._tokenizer, before, add_generation_prompt=True, **frame.options)
        except TemplateRefused:
            return None
        wanted = frame.of(asked)
        if text.startswith(wanted):
            return len(wanted)
        if not text.startswith(plain):
            return None
        # Of an earlier turn some templates write less than they ask with: no closed block of reasoning, say.
        cuts = (place + 1 for place in range(len(plain), len(asked)) if asked[place] in ">]\n: ")
        return max((cut for cut in cuts if text.startswith(asked[:cut])), default=len(plain))

    def _end(self, text: str, after: int, frame: AnswerFrame) -> int:
        """The end of the end token behind an answer; without one, the answer's own end."""
        places = [(place, end) for end in self._ends if (place := text.find(end, after)) >= 0]
        if not places:
            return after
        place, end = min(places)
        return place + len(end) if text[after:place].strip() in ("", frame.after) else after


def _found(text: str, content: str, after: int) -> Span | None:
    """Where a turn's content stands, as a template writes it: whole, without spaces around it, or without its reasoning."""
    for wanted in (content, content.strip(), final_answer(content, ()).answer.strip()):
        if (place := text.find(wanted, after)) >= 0:
            return place, place + len(wanted)
    return None


def _within(offsets: Sequence[int], spans: Sequence[Span]) -> bool:
    """Whether any letter of a token is learned. A token without letters, which the tokenizer itself adds, is not."""
    start, end = offsets
    return start < end and any(start < last and end > first for first, last in spans)


def _parts(text: str, spans: Sequence[Span] | None) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is learned."""
    if spans is None:
        return [(text, True)]
    found, cursor = [], 0
    for start, end in spans:
        found += [(text[cursor:start], False), (text[start:end], True)]
        cursor = end
    return [(piece, learned) for piece, learned in [*found, (text[cursor:], False)] if piece]
