"""What is asked of this room: the part of a job that data and models are read by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hf_recipes.engines.registry import DEFAULT
from hf_recipes.recipe.model import Data, Evaluate
from hf_recipes.recipe.place import Place
from hf_recipes.record.job import Job, job_from, load_job


@dataclass(frozen=True)
class Request:
    task: str
    base_model: str
    data: Data
    params: Mapping[str, Any]
    """The engine's resolution with our overrides laid over it."""
    evaluate: Evaluate | None = None
    trust_remote_code: bool = False
    project_name: str = ""
    engine: str = DEFAULT
    engine_module: str = ""
    """Where the engine lies; empty for one of the registry."""
    trains: bool = True
    """False for a job that measures the base alone, as `decide` makes them: it has no step named train."""

    places: Mapping[str, Place] = field(default_factory=dict)
    """Where the recipe has what only its base can judge."""

    def place(self, key: str) -> Place:
        return self.places.get(key, Place(self.data.path))

    @property
    def seed(self) -> int:
        seed = self.params.get("seed", 42)
        return seed if isinstance(seed, int) else 42


def of_run(run: Path) -> Request:
    """The request that a run's job.json holds. Data that was fetched for it is local, wherever it came from."""
    request = request_of(load_job(run))
    source = run / "work" / "source"
    if not source.is_dir():
        return request
    return replace(request, data=replace(request.data, path=str(source), local=True))


def request_of(job: Job) -> Request:
    return Request(
        task=job.task,
        base_model=job.base_model,
        data=job.data,
        params=job.settled,
        evaluate=job.evaluate,
        trust_remote_code=job.trust_remote_code,
        project_name=job.project_name,
        engine=job.engine or DEFAULT,
        engine_module=job.engine_module,
        trains=job.trains,
        places=job.places,
    )


def request_from(document: Mapping[str, Any]) -> Request:
    """From a job as JSON, which a step may get instead of a run."""
    return request_of(job_from(document))
