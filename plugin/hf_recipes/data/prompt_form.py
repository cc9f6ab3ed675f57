"""The prompt of a recipe as a person fills it in: every column of its templates is a field of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hf_recipes.data.messages import columns_in, fill, folded, parse_template

WHOLE = "{prompt}"
"""The user's turn where its template has no column: it is typed as a whole."""


@dataclass(frozen=True)
class PromptForm:
    system: str = ""
    """As people read it: braces are braces, and `{column}` stands for one of `system_columns`."""
    user: str = WHOLE
    """A template with one column at the least."""
    system_columns: tuple[str, ...] = ()
    folds: bool = False
    """Whether the system's text goes in front of the user's turn."""

    @property
    def field(self) -> str:
        """What is asked: the last column of the user's turn."""
        return columns_in([self.user])[-1]

    @property
    def others(self) -> tuple[str, ...]:
        """The other columns, in the order of the conversation."""
        names = dict.fromkeys((*self.system_columns, *columns_in([self.user])))
        return tuple(name for name in names if name != self.field)

    def messages(self, values: Mapping[str, str], system: str | None = None) -> list[dict[str, str]]:
        """The conversation up to the answer. A column without a value is empty; `system` takes the recipe's place, and its
        `{column}` places are filled too."""
        known = {name: str(values.get(name, "")) for name in (self.field, *self.others)}
        text = self._filled(self.system if system is None else system, known)
        user = {"role": "user", "content": fill(self.user, known)}
        if not text.strip():
            return [user]
        turns = [{"role": "system", "content": text}, user]
        return folded(turns) if self.folds else turns

    def _filled(self, text: str, known: Mapping[str, str]) -> str:
        names = "|".join(map(re.escape, self.system_columns))
        return re.sub(rf"\{{({names})\}}", lambda found: known[found[1]], text) if names else text


def prompt_form(messages: Sequence[Mapping[str, str]], *, folds: bool = False) -> PromptForm:
    """Of `data.messages`. Raises RowError where a template cannot be parsed."""
    first = {message["role"]: message["content"] for message in reversed(messages)}
    system, user = first.get("system", ""), first.get("user", "")
    shown = "".join(f"{{{text}}}" if is_column else text for text, is_column in parse_template(system))
    return PromptForm(shown, user if columns_in([user]) else WHOLE, columns_in([system]), folds)
