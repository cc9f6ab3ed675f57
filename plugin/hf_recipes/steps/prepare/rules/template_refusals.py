"""What the base's chat template does not take: found out before hours are spent, and said where it can be mended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from hf_recipes.inference.chat_template import Conversation, TemplateRefused, render_chat
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

CODE, DROPPED = "template-refuses", "turn-dropped"
FOLD = "put its text into the user's turn, as data.system: fold does"
BEGINNING = 200
"""Letters of a turn that are looked for in what the template makes of it."""


def template_refusals(context: Context) -> Rule | None:
    """None where there is nothing that a chat template would render."""
    chats = any(column.kind == "messages" for column in context.form.columns)
    return TemplateRefusals(context) if chats and context.tokenizer is not None else None


class TemplateRefusals:
    def __init__(self, context: Context) -> None:
        self._context, self._tokenizer = context, context.tokenizer
        self._name = PurePath(context.job.base_model.rstrip("/")).name
        self._of_recipe: dict[str, tuple[str, str, str]] = {}
        """Key of the recipe → (what is wrong there, what to do, code): said once, and of no row."""
        self._baseline_system()

    def look(self, row: SeenRow) -> None:
        for messages in self._conversations(row):
            try:
                text = render_chat(self._tokenizer, messages)
                if row.part == "test" and self._context.job.evaluate is not None:
                    render_chat(self._tokenizer, messages[:-1], add_generation_prompt=True)
            except TemplateRefused as refused:
                self._tell(row, *self._refused(messages, str(refused)))
            else:
                self._look_for_turns(row, messages, text)

    def finish(self) -> None:
        for key, (said, hint, code) in self._of_recipe.items():
            tally = self._context.problems if code == CODE else self._context.warnings
            place = self._context.job.place(key)
            tally.add(place.file, place.line, f"{key}: {said}", column=place.column, code=code, hint=hint)

    def _conversations(self, row: SeenRow) -> Iterator[Conversation]:
        for column in self._context.form.columns:
            value = row.record.get(column.name)
            if column.kind == "messages" and isinstance(value, list) and value:
                yield value

    def _refused(self, messages: Conversation, said: str) -> tuple[int, str, str]:
        """(the number of the turn, what is wrong, what to do)."""
        place = self._place(messages)
        role = messages[place]["role"]
        if role == "system":
            return place, f'the chat template of {self._name} takes no system turn ("{said}")', FOLD
        hint = "change the turn, or take another base or data.chat_template"
        return place, f'the chat template of {self._name} refuses the {role}\'s turn ("{said}")', hint

    def _place(self, messages: Conversation) -> int:
        """The turn that the template refuses: without it the conversation is accepted."""
        head = 1 if messages[0]["role"] == "system" else 0
        if head and self._takes(messages[1:]):
            return 0
        ends = range(head + 1, len(messages))
        return next((end - 1 for end in ends if not self._takes(messages[:end])), len(messages) - 1)

    def _takes(self, messages: Sequence[Mapping[str, str]]) -> bool:
        try:
            render_chat(self._tokenizer, messages)
        except TemplateRefused:
            return False
        return True

    def _look_for_turns(self, row: SeenRow, messages: Conversation, text: str) -> None:
        for place, turn in enumerate(messages):
            beginning = turn["content"].strip()[:BEGINNING]
            if turn["role"] == "assistant" or beginning in text:
                continue
            said = f"the chat template of {self._name} leaves the {turn['role']}'s turn out of what is trained on"
            hint = FOLD if turn["role"] == "system" else ""
            self._tell(row, place, said, hint, code=DROPPED)
            return

    def _tell(self, row: SeenRow, place: int, said: str, hint: str, *, code: str = CODE) -> None:
        if self._context.form.templates:
            self._of_recipe.setdefault(f"data.messages.{place}", (said, hint, code))
        else:
            tally = self._context.problems if code == CODE else self._context.warnings
            tally.add(row.file, row.line, f"message {place + 1}: {said}", code=code, hint=hint)

    def _baseline_system(self) -> None:
        """The recipe's own system turn for the base, which stands in no row."""
        job = self._context.job
        system = job.evaluate.baseline_system if job.evaluate else None
        if system is None or job.data.system == "fold":
            return
        asked = [{"role": "system", "content": system}, {"role": "user", "content": "?"}]
        try:
            render_chat(self._tokenizer, asked, add_generation_prompt=True)
        except TemplateRefused as refused:
            if self._takes([asked[1]]):
                said = f'the chat template of {self._name} takes no system turn ("{refused}")'
                self._of_recipe["evaluate.baseline_system"] = said, FOLD, CODE
