"""What is asked of this room: the part of a job that data and models are read by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from hf_recipes.engines.registry import DEFAULT
from hf_recipes.recipe.model import Bound, Data, Endpoint, Evaluate, Message, Metric, Server
from hf_recipes.recipe.place import Place


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
    request = from_dict(json.loads((run / "job.json").read_text("utf-8")))
    source = run / "work" / "source"
    if not source.is_dir():
        return request
    return replace(request, data=replace(request.data, path=str(source), local=True))


def from_dict(found: Mapping[str, Any]) -> Request:
    """Read leniently: keys that are not known are ignored, missing ones take their defaults."""
    overrides = {
        name: one["value"]
        for name, one in (found.get("overrides") or {}).items()
        if not name.isupper()  # those are environment variables of the train step
    }
    return Request(
        task=str(found["task"]),
        base_model=str(found["base_model"]),
        data=_data(found["data"]),
        params={**(found.get("params") or {}), **overrides},
        evaluate=_evaluate(found.get("evaluate")),
        trust_remote_code=bool(found.get("trust_remote_code", False)),
        project_name=str(found.get("project_name") or ""),
        engine=str(found.get("engine") or DEFAULT),
        engine_module=str(found.get("engine_module") or ""),
        places={key: Place(**_known(Place, one)) for key, one in (found.get("places") or {}).items()},
        trains=not found.get("steps") or any(step["name"] == "train" for step in found["steps"]),
    )


def _data(found: Mapping[str, Any]) -> Data:
    values = _known(Data, found)
    values["messages"] = tuple(Message(one["role"], one["content"]) for one in found.get("messages") or ())
    values["column_mapping"] = found.get("column_mapping") or {}
    values.setdefault("train_split", "train")
    values.setdefault("local", Path(str(found["path"])).exists())
    return Data(**values)


def _evaluate(found: Mapping[str, Any] | None) -> Evaluate | None:
    if found is None:
        return None
    values = _known(Evaluate, found)
    if "baselines" in values:
        values["baselines"] = tuple(values["baselines"])
    if "metrics" in values:
        values["metrics"] = tuple(map(_metric, values["metrics"]))
    for name, kind in (("reference", Endpoint), ("server", Server)):
        if values.get(name):
            values[name] = kind(**_known(kind, values[name]))
    values["require"] = {
        name: Bound(**_known(Bound, bound)) for name, bound in (found.get("require") or {}).items()
    }
    return Evaluate(**values)


def _metric(found: Any) -> Metric:
    """Runs of before metrics had options hold plain names."""
    return Metric(found) if isinstance(found, str) else Metric(str(found["name"]), found.get("options") or {})


def _known(kind: type[Any], found: Mapping[str, Any]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in found.items() if name in names}
