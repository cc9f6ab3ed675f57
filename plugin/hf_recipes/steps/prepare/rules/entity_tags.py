"""Token classification: tags of the B-/I- scheme follow each other as it asks."""

from __future__ import annotations

from collections.abc import Sequence

from hf_recipes.data.checks import CONVERTERS
from hf_recipes.data.messages import RowError
from hf_recipes.data.tally import Tally
from hf_recipes.steps.prepare.rules.rule import Context, Rule, SeenRow

CODE = "entity-tags"
INSIDE = ("I", "E", "L", "M")
"""Continue an entity: E and L end one, M is a middle. B, S, U and W begin one."""
BEGINS = ("B", "S", "U", "W")


def entity_tags(context: Context) -> Rule | None:
    return EntityTags(context) if context.job.task == "text_token_classification" else None


class EntityTags:
    def __init__(self, context: Context) -> None:
        named = {column.parameter: column.name for column in context.form.columns}
        self._tags, self._warnings = named["tags_column"], context.warnings
        self._found, self._begun, self._entities = Tally(), False, False
        self._file = ""

    def look(self, row: SeenRow) -> None:
        # The record may hold the numbers of the classes already.
        try:
            value = CONVERTERS["labels"](row.row.get(self._tags))
        except RowError:
            return
        tags = [str(tag) for tag in value] if isinstance(value, list) else []
        self._file = self._file or row.file
        self._entities = self._entities or any(tag not in ("O", "0") for tag in tags)
        # In the older scheme an entity begins with I-, and B- only parts two of one type.
        self._begun = self._begun or any(
            kind == "B" and (place == 0 or _parts(tags[place - 1])[1] != name)
            for place, (kind, name) in enumerate(map(_parts, tags))
        )
        if message := _broken(tags):
            self._found.add(row.file, row.line, message, code=CODE, hint="begin each entity with B-")

    def finish(self) -> None:
        if self._begun:
            self._warnings.take(self._found)
        if self._file and not self._entities:
            message = "no token has another tag than O: there is nothing to learn"
            self._warnings.add(self._file, 0, message, code="no-entities")


def _broken(tags: Sequence[str]) -> str | None:
    before = ("O", "")
    for place, tag in enumerate(tags):
        kind, name = _parts(tag)
        if kind in INSIDE and (
            before[1] != name or before[0] not in (*INSIDE, "B") or before[0] in ("E", "L")
        ):
            follows = f"follows {tags[place - 1]!r}" if place else "begins the row"
            return f"tag {place + 1}, {tag!r}, {follows}: nothing has begun {name!r}"
        before = (kind, name)
    return None


def _parts(tag: str) -> tuple[str, str]:
    """(`B`, `PER`) of `B-PER` or `B_PER`; (`O`, "") of what has no such form."""
    kind, mark, name = tag[:1], tag[1:2], tag[2:]
    return (kind, name) if mark in ("-", "_") and name and kind in (*INSIDE, *BEGINS) else ("O", "")
