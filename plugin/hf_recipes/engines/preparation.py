"""What an engine does in the inference interpreter before it trains: how its trainer counts tokens, what it is given to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.form import Form
from hf_recipes.engines.trimming import Trimmed

Render = Callable[[Sequence[Mapping[str, str]]], str]
"""Messages → their text by the base's chat template."""


@dataclass(frozen=True)
class TrainedExample:
    """What a trainer gets of a row."""

    ids: list[int]
    """Its tokens, those behind the limit cut off."""
    trained: list[bool]
    """For each of them, whether the loss counts it: whether it is learned."""
    parts: list[tuple[str, bool]]
    """The whole text in pieces, each with whether it is learned."""


class TokenRules(Protocol):
    """How a trainer turns a row into tokens."""

    packed: bool
    """Whether rows are joined into blocks of `limit` tokens."""
    spread: bool
    """Whether a row that does not fit into a block goes on in the next, so that nothing is cut."""
    limit: int | None
    """The most tokens of one example that the trainer keeps together; None where nothing is cut."""
    limited_by: str
    """The key of the recipe that the limit comes from."""
    special_tokens: bool
    """Whether the tokenizer adds its own to each text."""

    def texts(self, record: Mapping[str, Any], rendered: Render) -> list[str]:
        """The texts of a record as the tokenizer gets them: of a preference pair prompt, chosen and rejected."""

    def lengths(self, ids: Sequence[Sequence[int]]) -> list[int]:
        """The tokens of each text of a record → how many they are with those that the trainer adds."""

    def trim(self, lengths: Sequence[int]) -> Trimmed:
        """What is kept of a row with texts of these lengths."""

    def blocks(self, lengths: Sequence[int]) -> int:
        """How many blocks rows make of which so many tokens are kept; only where they are packed."""

    def example(self, record: Mapping[str, Any], frame: AnswerFrame) -> TrainedExample | None:
        """What the trainer gets of a record; None where it learns every token. Raises TemplateRefused."""


@dataclass(frozen=True)
class PreparedData:
    """What the prepare step has made ready for the trainer."""

    base: str
    """The base model: a folder, a Hub id, or an estimator's name."""
    path: str
    """The folder of the converted data; where the trainer reads it itself, the recipe's own."""
    converted: bool = True
    columns: Mapping[str, str] = field(default_factory=dict)
    """Key of data.column_mapping → the column's name in the converted data."""
    validation: bool = False
    """Whether there are validation rows."""
    templated: bool = False
    """Whether messages were made by the recipe's templates, without a chat template of its own."""
    image_folder: bool = False
    """Whether the data is a folder of images, whose columns `datasets` names."""


class Preparation(Protocol):
    def load_tokenizer(self, base: str, params: Mapping[str, Any], *, trust_remote_code: bool) -> Any:
        """The tokenizer that the trainer would build. Raises whatever transformers raises."""

    def token_rules(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> TokenRules:
        """How the trainer would turn rows of this form into tokens."""

    def held_out(self, task: str) -> float:
        """The share of local training rows that are held out for validation, where the recipe names no split for it."""

    def write_settings(
        self, work: Path, project_name: str, task: str, params: Mapping[str, Any], prepared: PreparedData
    ) -> None:
        """Write what the trainer reads at its start. Raises BaseUnavailable for a base that it cannot read."""
