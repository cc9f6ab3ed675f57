"""Writes, as JSON, what AutoTrain's own code says about recipes: classes, parameters, tasks, hardware, choices.

<python of the autotrain set> tests/engines/autotrain_table.py plugin/hf_recipes/engines/autotrain/params.json
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import sys
import tempfile
import types
import typing
from pathlib import Path

import autotrain
import transformers
import yaml
from autotrain import parser as autotrain_parser
from autotrain.backends.base import AVAILABLE_HARDWARE, BaseBackend
from autotrain.tasks import TASKS
from pydantic_core import PydanticUndefined
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from transformers.trainer_utils import IntervalStrategy, SchedulerType
from transformers.training_args import OptimizerNames

SOURCE = Path(autotrain.__file__).parent


def config(task: str) -> dict[str, object]:
    """The least that AutoTrainConfigParser reads."""
    return {
        "task": task,
        "base_model": "some/model",
        "project_name": "some-project",
        "log": "none",
        "backend": "local",
        "data": {
            "path": "some/data",
            "train_split": "train",
            "valid_split": None,
            "chat_template": None,
            "column_mapping": {},
        },
    }


def parse(task: str) -> autotrain_parser.AutoTrainConfigParser:
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(config(task), file)
        file.flush()
        return autotrain_parser.AutoTrainConfigParser(file.name)


def types_of(annotation: object) -> list[str]:
    """Optional[Union[int, List[int]]] → ["int", "list[int]", "null"]."""
    if annotation is type(None):
        return ["null"]
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return [name for part in typing.get_args(annotation) for name in types_of(part)]
    if origin is list:
        (item,) = typing.get_args(annotation)
        return [f"list[{item.__name__}]"]
    assert annotation in (str, int, float, bool), annotation
    return [annotation.__name__]


def params_of(cls: type) -> dict[str, object]:
    fields = {}
    for name, field in sorted(cls.model_fields.items()):
        assert field.default is not PydanticUndefined and field.default_factory is None, name
        fields[name] = {"types": types_of(field.annotation), "default": field.default, "title": field.title}
    return fields


def accepted() -> dict[str, object]:
    """Every name that AutoTrain takes as far as a parameter object and its data → the canonical task and trainer."""
    parser = parse("tabular")
    names = {}
    for name in sorted({*parser.task_aliases, *TASKS}):
        try:
            parsed = parse(name)
            parsed.task_param_map[parsed.task](**parsed.parsed_config)
            parsed.munge_data_map[parsed.task]
        except (KeyError, IndexError, ValueError):
            continue
        names[name] = {"task": parsed.task, "trainer": parsed.parsed_config.get("trainer")}
    return names


def refused(names: dict[str, object]) -> dict[str, str]:
    """Names that AutoTrain lists and then crashes on → the canonical task they would have meant."""
    aliases = parse("tabular").task_aliases
    return {name: aliases.get(name, name) for name in sorted({*aliases, *TASKS}) if name not in names}


def tasks(names: dict[str, object]) -> dict[str, object]:
    parser = parse("tabular")
    found = {}
    for task in sorted({entry["task"] for entry in names.values()}):
        cls = parser.task_param_map[task]
        backend = BaseBackend(params=cls(), backend="local")
        found[task] = {
            "class": cls.__name__,
            "module": cls.__module__.removesuffix(".params"),
            "task_id": backend.task_id,
            "params": params_of(cls),
        }
    return found


def tabular_models() -> dict[str, list[str]]:
    """Model name → the kinds of task it does. Read from the source: importing it needs xgboost."""
    tree = ast.parse((SOURCE / "trainers/tabular/utils.py").read_text())
    models: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[
                    ast.Subscript(ast.Subscript(ast.Name("_MODELS"), ast.Constant(name)), ast.Constant(kind))
                ]
            ):
                models.setdefault(name, []).append(kind)
    return dict(sorted(models.items()))


def lines(value: object, depth: int, indent: str = "") -> str:
    """JSON with one line to each entry that lies `depth` levels down, so that a change reads well in a diff."""
    if depth == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value)
    inner = indent + " "
    entries = [f"{inner}{json.dumps(key)}: {lines(entry, depth - 1, inner)}" for key, entry in value.items()]
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def main() -> None:
    names = accepted()
    table = {
        "versions": {
            "autotrain-advanced": importlib.metadata.version("autotrain-advanced"),
            "transformers": transformers.__version__,
        },
        "tasks": tasks(names),
        "names": names,
        "refused_names": refused(names),
        "hardware": sorted(AVAILABLE_HARDWARE),
        "optimizers": sorted(name.value for name in OptimizerNames),
        "schedulers": sorted(name.value for name in SchedulerType),
        "eval_strategies": sorted(name.value for name in IntervalStrategy),
        "logs": sorted([*INTEGRATION_TO_CALLBACK, "all", "none"]),
        "tabular_models": tabular_models(),
    }
    # AutoTrain logs to stdout, so the table goes to a file.
    Path(sys.argv[1]).write_text(lines(table, 4) + "\n")


if __name__ == "__main__":
    main()
