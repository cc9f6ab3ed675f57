"""What the page shows: read once from a JSON file of ours; keys that are not known are ignored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hf_recipes.data.messages import columns_in
from hf_recipes.data.prompt_form import WHOLE, PromptForm
from hf_recipes.recipe.model import Server

PROMPT_LIMIT = 4000
"""Characters that a visitor may send as a prompt, and as a system prompt."""
TOKEN_LIMIT = 1024
DEFAULT_NEW_TOKENS = 256
ROW_LIMIT = 200
"""Test rows that the page holds."""


@dataclass(frozen=True)
class PairSettings:
    name: str
    base: str
    model_dir: str
    base_name: str
    form: PromptForm
    """What a visitor fills in."""
    examples: tuple[str, ...]
    report: Mapping[str, Any] | None
    """Where nothing was measured, what is known of the training may stand there without `methods`."""
    max_new_tokens: int
    trust_remote_code: bool
    title: str = ""
    repo: str = ""
    """The Hub repo of a pushed model, downloaded at `revision`; empty for one in `model_dir`."""
    revision: str = ""
    rows: tuple[Mapping[str, Any], ...] = ()
    """The first test rows with every answer, of a run on this machine."""
    server: Server | None = None
    """Answers for both models, in place of weights in `model_dir`."""
    reasoning: tuple[str, str] | None = None
    """What opens and closes the reasoning that the answers of the training data begin with, where they have any."""

    @classmethod
    def unread(cls, name: str) -> PairSettings:
        """A pushed model of which nothing but its name is known."""
        return cls(name, "", "", "", PromptForm(), (), None, DEFAULT_NEW_TOKENS, False, repo=name)

    @property
    def short_name(self) -> str:
        """Without its owner."""
        return self.repo.rsplit("/", 1)[-1] if self.repo else self.name


@dataclass(frozen=True)
class PageSettings:
    title: str
    pairs: tuple[PairSettings, ...]
    models: tuple[str, ...] = ()
    """Pushed models, by their Hub ids. Each says for itself what it was made from."""

    @property
    def names(self) -> tuple[str, ...]:
        return (*(pair.name for pair in self.pairs), *self.models)

    def listed(self, name: object) -> str:
        """The name, where it is on the list; whatever else a visitor sends means the first."""
        return next((known for known in self.names if known == name), self.names[0])

    def pair(self, name: object) -> PairSettings | None:
        """The configured pair that the name means; None where it means a pushed model."""
        meant = self.listed(name)
        return next((pair for pair in self.pairs if pair.name == meant), None)


def read_settings(path: Path) -> PageSettings:
    """Folders and reports are relative to the file. Raises OSError, ValueError (with one sentence)."""
    try:
        found = json.loads(path.read_text("utf-8"))
        pairs = tuple(_pair(pair, path.parent) for pair in found.get("pairs") or ())
        models = tuple(dict.fromkeys(str(model) for model in found.get("models") or ()))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not describe a page: {error}") from None
    if not pairs and not models:
        raise ValueError(f"{path} names no pair of models")
    return PageSettings(str(found.get("title") or (pairs[0].name if pairs else "")), pairs, models)


def _pair(found: Mapping[str, Any], folder: Path) -> PairSettings:
    template = str(found.get("user_template") or WHOLE)
    if not columns_in([template]):
        raise ValueError(f"user_template must have a {{field}}: {template!r}")
    columns = tuple(str(column) for column in found.get("system_columns") or ())
    base = str(found["base"])
    return PairSettings(
        name=str(found["name"]),
        base=str(folder / base) if (folder / base).is_dir() else base,
        model_dir=str(folder / str(found["model_dir"])),
        base_name=str(found.get("base_name") or base.rstrip("/").rsplit("/", 1)[-1]),
        form=PromptForm(str(found.get("system") or ""), template, columns, found.get("folds") is True),
        examples=tuple(str(example) for example in found.get("examples") or ()),
        report=_report(folder / str(found["report"])) if found.get("report") else found.get("told") or None,
        max_new_tokens=max(1, min(int(found.get("max_new_tokens") or DEFAULT_NEW_TOKENS), TOKEN_LIMIT)),
        trust_remote_code=found.get("trust_remote_code") is True,
        rows=tuple(_rows(folder / str(found["rows"]))) if found.get("rows") else (),
        reasoning=marks(found.get("reasoning")),
        server=Server(**found["server"]) if found.get("server") else None,
    )


def marks(found: object) -> tuple[str, str] | None:
    """What opens and what closes reasoning, out of JSON."""
    if isinstance(found, list) and len(found) == 2 and all(isinstance(item, str) for item in found):
        return found[0], found[1]
    return None


def _report(path: Path) -> Mapping[str, Any] | None:
    try:
        report = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) and report.get("methods") else None


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The first ones; none from where one is no row."""
    try:
        with path.open(encoding="utf-8") as lines:
            for line in islice(lines, ROW_LIMIT):
                row = json.loads(line)
                row["row"], row["messages"], row["reference"], row["answers"].items()
                yield row
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
