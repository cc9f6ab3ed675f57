"""A job: what to run, as pure data. It names secrets and never holds one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hf_recipes.recipe.model import (
    Bound,
    Compare,
    Data,
    Endpoint,
    Evaluate,
    Message,
    Metric,
    Server,
    UseCase,
)
from hf_recipes.recipe.place import Place
from hf_recipes.runner.files import Damaged, read_job


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
    use_case: UseCase = field(default_factory=UseCase)
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

    @property
    def settled(self) -> dict[str, object]:
        """The parameters with the overrides laid over them, but for those that are environment variables."""
        return {
            **self.params,
            **{name: override.value for name, override in self.overrides.items() if not name.isupper()},
        }

    @property
    def seed(self) -> int:
        seed = self.settled.get("seed", 42)
        return seed if isinstance(seed, int) else 42

    def place(self, key: str) -> Place:
        """Where the recipe has `key`, or at least the data."""
        return self.places.get(key, Place(self.data.path))

    @property
    def requirements(self) -> tuple[str, ...]:
        """The requirement sets that its steps need, beside the plugin's own interpreter."""
        names = (step.requirements for step in self.steps if step.requirements != "core")
        return tuple(dict.fromkeys(names))

    @property
    def trains(self) -> bool:
        """False for a job that measures the base alone, as `decide` makes them: it has no step named train."""
        return not self.steps or any(step.name == "train" for step in self.steps)


def load_job(run: Path) -> Job:
    """The job that a run's job.json holds. Raises OSError, Damaged."""
    try:
        return job_from(read_job(run))
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(f"{run / 'job.json'} is damaged ({type(error).__name__}: {error})") from None


def job_from(document: Mapping[str, Any]) -> Job:
    """Keys that are not known are ignored. Raises KeyError, TypeError, AttributeError for what is no job."""
    values = _known(Job, document)
    values["data"] = _data(document.get("data") or {})
    values["evaluate"] = _evaluate(document.get("evaluate"))
    values["compare"] = Compare(**_known(Compare, document.get("compare") or {}))
    values["use_case"] = UseCase(**_known(UseCase, document.get("use_case") or {}))
    values["push"] = Push(**_known(Push, document["push"])) if document.get("push") else None
    values["overrides"] = {
        name: Override(**override) for name, override in (document.get("overrides") or {}).items()
    }
    values["steps"] = tuple(map(_step, document.get("steps") or ()))
    values["places"] = {name: Place(**place) for name, place in (document.get("places") or {}).items()}
    for name in ("secrets", "settings"):
        values[name] = tuple(map(str, document.get(name) or ()))
    given = {"engine": "", "backend": "local", "project_name": "", "params": {}, "trust_remote_code": False}
    return Job(
        **{**given, **{name: value for name, value in values.items() if value is not None or name in NONE}}
    )


NONE = ("evaluate", "push")
"""Fields of a job whose value may be None."""


def _step(found: Mapping[str, Any]) -> Step:
    return Step(**{**_known(Step, found), "argv": tuple(found["argv"])})


def _data(found: Mapping[str, Any]) -> Data:
    values = _known(Data, found)
    values["messages"] = tuple(
        Message(message["role"], message["content"]) for message in found.get("messages") or ()
    )
    values["column_mapping"] = found.get("column_mapping") or {}
    return Data(**{"path": "", "local": False, "train_split": "train", **values})


def _evaluate(found: Mapping[str, Any] | None) -> Evaluate | None:
    if found is None:
        return None
    values = _known(Evaluate, found)
    if "baselines" in values:
        values["baselines"] = tuple(values["baselines"])
    if "metrics" in values:
        values["metrics"] = tuple(
            Metric(metric["name"], metric.get("options") or {}) for metric in values["metrics"]
        )
    for name, kind in (("reference", Endpoint), ("server", Server)):
        if values.get(name):
            values[name] = kind(**_known(kind, values[name]))
    values["require"] = {
        name: Bound(**_known(Bound, bound)) for name, bound in (found.get("require") or {}).items()
    }
    return Evaluate(**values)


def _known(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    names = {known_field.name for known_field in fields(kind)}
    return {name: value for name, value in found.items() if name in names}
