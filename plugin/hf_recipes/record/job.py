"""A job: what to run, as pure data. It names secrets and never holds one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hf_recipes.recipe.model import Compare, Data, Evaluate, UseCase
from hf_recipes.recipe.place import Place


@dataclass(frozen=True)
class Step:
    """One program of a job, run in the folder `work/` of the run.

    In `argv` and `env` the runner fills in `{python}` (the interpreter made for `requirements`) and `{run}` (the run's folder).
    """

    name: str
    """prepare, train, verify, answer, report or push."""
    stage: str
    """prepare, train, evaluate or push: what people see."""
    requirements: str
    """A requirement set of hf_recipes.environments, or `core` for the plugin's own interpreter."""
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    promote: str | None = None
    """A folder, relative to the run, whose publishable files become `model/` once this step has succeeded."""


@dataclass(frozen=True)
class Override:
    """A parameter that our runs change from what the engine would resolve, and why."""

    value: object
    why: str


@dataclass(frozen=True)
class Push:
    """Where the model goes once it has been verified."""

    repo: str | None = None
    """`owner/name`; None is the account's own `<account>/<project_name>`, known only when it is pushed."""
    private: bool = True


@dataclass(frozen=True)
class Job:
    engine: str
    backend: str
    task: str
    project_name: str
    base_model: str
    """A Hub id, an absolute folder, or `bundled/<name>`: resolved to a folder by the prepare step."""
    data: Data
    evaluate: Evaluate | None
    compare: Compare
    trust_remote_code: bool
    params: Mapping[str, object]
    """The engine's own resolution of the recipe, the token masked."""
    overrides: Mapping[str, Override]
    steps: tuple[Step, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """Path relative to the run's folder → text, written before the first step."""
    secrets: tuple[str, ...] = ()
    """Names of environment variables whose values are secret: passed on, and redacted in the log."""
    settings: tuple[str, ...] = ()
    recipe_folder: str = ""
    """Where the recipe lay, which its relative paths count from, for a run on this machine. Empty: not known there."""
    use_case: UseCase | None = None
    push: Push | None = None
    """None: nothing is pushed by the run itself."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Key → where the recipe has it, of what the steps can find wrong: a turn that the base's chat template refuses."""
    here: bool = True
    """Whether the machine that runs it keeps what it makes."""
    engine_title: str = ""
    """As people write it."""
    engine_version: str = ""
    engine_module: str = ""
    """Where the steps of the job find the engine; empty for one of the registry."""
    schema: int = 1
