"""What an engine is: a trainer that a recipe is translated for. A module has these names; registry.py names the module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hf_recipes.catalog.machine import Machine
from hf_recipes.estimates.facts import TrainingFacts
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.estimates.model_size import Base
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.model import Recipe
from hf_recipes.recipe.problem import Problem
from hf_recipes.record.job import Override, Step

if TYPE_CHECKING:
    from hf_recipes.engines.preparation import Preparation


ARCHITECTURE = "unknown-architecture"
"""The code of the problem that the base is of a kind which the trainer does not know."""


@dataclass(frozen=True)
class TrainerSettings:
    """What the trainer is given."""

    params: Mapping[str, object]
    """The engine's own resolution of the recipe, the token masked."""
    overrides: Mapping[str, Override] = field(default_factory=dict)
    """What our runs change in it. Names in capitals are environment variables of the train step."""

    @property
    def settled(self) -> dict[str, object]:
        """The parameters with the overrides laid over them."""
        return {**self.params, **{name: override.value for name, override in self.overrides.items()}}


@dataclass(frozen=True)
class Training:
    """How the trainer is started."""

    step: Step
    """Named `train`. Leaves weights in work/<project_name>, or an endpoint in result.FILE."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path relative to the run's folder → text, written before the first step."""
    secrets: tuple[str, ...] = ()
    """Names of environment variables that it needs beside those of the recipe."""


class Engine(Protocol):
    name: str
    title: str
    """As people write it."""
    version: str
    gives_endpoint: bool
    """Whether what it trains is an endpoint and no weights."""
    length_parameters: tuple[str, ...]
    """Parameters that change how many tokens a row has: recipes that agree in them can share what was read of their data."""

    export_command: str
    """What a person types where `export` has written, to train without us."""

    def schema(self) -> EngineSchema:
        """Its tasks, parameters and rules."""

    def check_recipe(self, recipe: Recipe, machine: Machine) -> list[Problem]:
        """What makes a recipe impossible on the hardware that its backend names, whatever its base. `machine` is this one."""

    def check_run(self, recipe: Recipe) -> list[Problem]:
        """What the trainer takes and a run of ours does not."""

    def check_base(self, recipe: Recipe, base: Base | str | None) -> list[Problem]:
        """What is wrong with a recipe for the base that it names. `base`: what estimates.model_size says of it."""

    def check_runs_dir(self, runs_dir: Path) -> Problem | None:
        """Why no run on this machine can train below this folder."""

    def unknown_architecture(self, recipe: Recipe, base: Identity) -> str | None:
        """Why the trainer cannot load this kind of model, in a sentence; None where it can, or where that is not known."""

    def resolve_settings(self, recipe: Recipe, machine: Machine, base: Base | None) -> TrainerSettings:
        """`machine` is the one that trains; without `base`, what depends on an estimate stays as the trainer has it."""

    def sources(self, recipe: Recipe, overrides: Mapping[str, object]) -> dict[str, str]:
        """Parameter → `recipe`, `<title> default` or `chosen by us`."""

    def training_facts(self, params: Mapping[str, object]) -> TrainingFacts:
        """What estimates are made from. `params`: the settled ones."""

    def train(self, recipe: Recipe, settings: TrainerSettings, machine: Machine) -> Training:
        """How the trainer is started on `machine`."""

    def preparation(self) -> Preparation:
        """What it does in the inference interpreter, before the training."""

    def export_needs_data(self, recipe: Recipe) -> bool:
        """Whether rows must be converted for the trainer to read them without us."""

    def export(self, recipe: Recipe, machine: Machine, *, base_model: str) -> Mapping[str, str]:
        """File name → text: the recipe in the trainer's own form. `base_model` is where the recipe's base is."""
