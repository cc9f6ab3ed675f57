"""What a rule about rows is given, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hf_recipes.data.form import Form
from hf_recipes.data.tally import Tally
from hf_recipes.record.job import Job


@dataclass(frozen=True)
class SeenRow:
    """A row that can be used."""

    part: str
    """train, validation or test."""
    file: str
    line: int
    """Counts from 1."""
    row: Mapping[str, object]
    """The cells as they were read."""
    record: Mapping[str, Any]
    """What the form makes of them."""


@dataclass(frozen=True)
class Context:
    job: Job
    form: Form
    tokenizer: Any
    """The base's, None where it could not be loaded."""
    problems: Tally
    warnings: Tally
    notes: list[str]
    """What people are told of the data beside what is wrong with it."""
    facts: dict[str, Any]
    """What a rule has counted, under the rule's own name for it."""


class Rule(Protocol):
    def look(self, row: SeenRow) -> None: ...

    def finish(self) -> None: ...
