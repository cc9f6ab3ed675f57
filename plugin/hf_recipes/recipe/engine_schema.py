"""What an engine says of the recipes that it takes: its tasks, parameters and rules. This room knows no engine by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hf_recipes.recipe.fields import Field
from hf_recipes.recipe.other_names import Foreign

if TYPE_CHECKING:
    from hf_recipes.recipe.check import Reading


def _no_rules(reading: Reading) -> None:
    """An engine without rules of its own."""


@dataclass(frozen=True, eq=False)
class EngineSchema:
    engine: str
    task_names: Mapping[str, tuple[str, str | None]]
    """Each name that a recipe may give as its task → the task, and the trainer that the name chooses within it."""
    task_fields: Callable[[str], Mapping[str, Field]]
    """`params.*` and `data.column_mapping.*` of a task, by key."""
    needed_columns: Callable[[str, str | None], tuple[str, ...]]
    """(task, trainer) → the keys of data.column_mapping that the trainer cannot do without."""
    refused_names: Mapping[str, str] = field(default_factory=dict)
    """Task names that the trainer lists and cannot run → the task that they mean."""
    estimators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Base model names of the tabular task → what they can do: classification, regression."""
    loggers: tuple[str, ...] = ("none",)
    chat_templates: tuple[str, ...] = ("tokenizer",)
    parameter_keys: Mapping[str, str] = field(default_factory=dict)
    """Parameters that a recipe does not write under `params` → where it does."""
    other_names: Mapping[str, Foreign] = field(default_factory=dict)
    """What the parameters are called by other trainers."""
    other_values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The last part of a parameter's key → what people write for a value → what means the same."""
    foreign_backends: tuple[str, ...] = ()
    """Backends that the trainer has by itself and hf-recipes does not."""
    check_rules: Callable[[Reading], None] = _no_rules
    """Adds problems for what holds between this engine's keys, and may put a value into the engine's own form."""
    engines: tuple[str, ...] = ()
    """Every engine there is, the default first."""

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(sorted({task for task, _ in self.task_names.values()}))

    def names_of(self, task: str) -> list[str]:
        """The names that a recipe may give for a task."""
        return [name for name, (meant, _) in self.task_names.items() if meant == task]

    def tasks_with(self, key: str) -> list[str]:
        """The tasks that have a `params.*` or `data.column_mapping.*` key."""
        return [task for task in self.tasks if key in self.task_fields(task)]


ANY_ENGINE = EngineSchema("", {}, lambda task: {}, lambda task, trainer: (), engines=("",))
"""For the keys that every recipe has, whatever the engine."""
