"""A reading without problems → the Recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_recipes.catalog.hardware import backend_kind, runs_here
from hf_recipes.catalog.hub_ids import HUB_ID
from hf_recipes.recipe.check import Reading
from hf_recipes.recipe.fields import METRICS
from hf_recipes.recipe.model import (
    Bound,
    Compare,
    Data,
    Endpoint,
    Evaluate,
    Hub,
    Message,
    Metric,
    Recipe,
    Server,
    UseCase,
)


def recipe(
    reading: Reading, *, path: Path, text: str, trainer: str | None, settings: tuple[str, ...]
) -> Recipe:
    """The recipe that `reading` describes; `trainer` is what the task's name chooses."""
    values: Mapping[str, Any] = reading.values
    backend = values["backend"]
    chosen = values.get("params.trainer")
    return Recipe(
        file=path,
        text=text,
        task=reading.task or "",
        task_alias=values["task"],
        trainer=trainer or chosen,
        base_model=_base_model(values["base_model"], reading.folder, reading.task),
        project_name=values["project_name"],
        backend=backend_kind(backend) if runs_here(backend) else backend,
        engine=reading.schema.engine,
        log=values.get("log", "none"),
        data=_data(reading, reading.folder),
        params=reading.under("params"),
        hub=Hub(
            values.get("hub.username"),
            values.get("hub.token"),
            values.get("hub.push_to_hub", False),
            tuple(reading.unset.items()),
        ),
        use_case=UseCase(**_written(reading, "use_case")) if reading.given("use_case") else None,
        evaluate=_evaluate(reading, reading.folder) if reading.given("evaluate") else None,
        compare=Compare(**_written(reading, "compare")),
        trust_remote_code=values.get("trust_remote_code", False),
        positions={
            key: (place.line, place.column)
            for key, place in reading.places.items()
            if place.file == reading.file
        },
        settings=settings,
        max_cost=values.get("max_cost"),
    )


STAND_INS = {
    "base_model": "not-named",
    "project_name": "not-named",
    "backend": "not-named",
    "data.path": "not-named",
    "data.train_split": "not-named",
}


def draft(
    reading: Reading, *, path: Path, text: str, trainer: str | None, settings: tuple[str, ...]
) -> Recipe:
    """What there is of a recipe with problems; its task is known. Nothing of it may be run."""
    right = {key: value for key, value in reading.values.items() if not key.startswith("data.messages.")}
    whole = replace(reading, values={**STAND_INS, **right})
    return recipe(whole, path=path, text=text, trainer=trainer, settings=settings)


def _base_model(model: str, folder: Path, task: str | None) -> str:
    if task == "tabular" or model.startswith("bundled/"):
        return model
    found = _on_disk(model, folder)
    return str(found) if found is not None and found.is_dir() else model


def _on_disk(name: str, folder: Path) -> Path | None:
    try:
        path = (folder / Path(name).expanduser()).absolute()
        return path.resolve() if path.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None


def _data(reading: Reading, folder: Path) -> Data:
    values: Mapping[str, Any] = reading.values
    path = values["data.path"]
    found = _on_disk(path, folder)
    if found is None and not HUB_ID.fullmatch(path):
        found = (folder / path).absolute()  # No Hub dataset has such a name: it is missing here, not there.
    messages: list[Message] = []
    while (role := values.get(f"data.messages.{len(messages)}.role")) is not None:
        messages.append(Message(role, values[f"data.messages.{len(messages)}.content"]))
    return Data(
        path=str(found or path),
        local=found is not None,
        train_split=values["data.train_split"],
        valid_split=values.get("data.valid_split"),
        test_split=values.get("data.test_split"),
        chat_template=values.get("data.chat_template", "tokenizer" if messages else None),
        column_mapping=_written(reading, "data.column_mapping"),
        messages=tuple(messages),
        system=values.get("data.system", "turn"),
        limit=values.get("data.limit"),
        system_column=values.get("data.system_column"),
        skip_broken=values.get("data.skip_broken", False),
        allow_truncation=values.get("data.allow_truncation", False),
        encoding=values.get("data.encoding"),
    )


def _evaluate(reading: Reading, folder: Path) -> Evaluate:
    maps = ("require", "reference", "server", "metrics")
    written = {
        name: value
        for name, value in _written(reading, "evaluate").items()
        if "." not in name and name not in maps
    }
    if written.get("documents"):
        found = _on_disk(written["documents"], folder)
        written["documents"] = str(found or (folder / written["documents"]).absolute())
    if written.get("embedding_model"):
        written["embedding_model"] = _base_model(written["embedding_model"], folder, None)
    if reading.given("evaluate.metrics"):
        written["metrics"] = _metrics(reading, folder)
    if _whole(reading, "evaluate.reference", "base_url", "model"):
        written["reference"] = Endpoint(**_written(reading, "evaluate.reference"))
    if _whole(reading, "evaluate.server", "base_url", "base"):
        written["server"] = Server(**_written(reading, "evaluate.server"))
    require = {
        metric: Bound(**_written(reading, f"evaluate.require.{metric}"))
        for metric in METRICS
        if reading.given(f"evaluate.require.{metric}")
    }
    return Evaluate(**written, require=require)


def _whole(reading: Reading, key: str, *needed: str) -> bool:
    """Whether a mapping has what it cannot do without; a draft may lack it."""
    return reading.given(key) and all(f"{key}.{name}" in reading.values for name in needed)


def _metrics(reading: Reading, folder: Path) -> tuple[Metric, ...]:
    metrics: list[Metric] = []
    while f"evaluate.metrics.{len(metrics)}" in reading.places:
        key = f"evaluate.metrics.{len(metrics)}"
        name = reading.values.get(key, reading.values.get(f"{key}.name"))
        options = _written(reading, f"{key}.options")
        if options.get("database"):
            options["database"] = str(_on_disk(options["database"], folder) or options["database"])
        metrics.append(Metric(str(name), options))
    return tuple(metrics)


def _written(reading: Reading, parent: str) -> dict[str, Any]:
    """The values under a key, lists made tuples."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in reading.under(parent).items()
    }
