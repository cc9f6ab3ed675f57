"""What a recipe for AutoTrain may say: its tasks and parameters out of the generated table, and what its trainers need of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from hf_recipes.data.columns import CHAT_TEMPLATES, needed_columns
from hf_recipes.engines import target_modules
from hf_recipes.engines.autotrain import table
from hf_recipes.engines.autotrain.other_names import OTHER_NAMES, OTHER_VALUES
from hf_recipes.engines.shared_schema import PARAMETER_KEYS, SHARED_RANGES
from hf_recipes.recipe.engine_schema import EngineSchema
from hf_recipes.recipe.fields import Field

SOURCE = f"AutoTrain {table.version()}"
TRAINERS = {
    "lm_training": ("default", "sft", "orpo", "dpo", "reward"),
    "sentence_transformers": ("pair", "pair_class", "pair_score", "triplet", "qa"),
    "vlm": ("vqa", "captioning"),
}
BOTH = ("categorical_columns", "numerical_columns")
"""Columns that AutoTrain's users write under `params` as often as under `data.column_mapping`."""
RANGES: Mapping[str, dict[str, object]] = {
    **SHARED_RANGES,
    "epochs": {"low": 1, "most": 10_000},
    "max_seq_length": {"low": 1, "most": 16_777_216},
    "max_doc_stride": {"low": 1, "most": 16_777_216},
    "max_target_length": {"low": 1, "most": 16_777_216},
    "early_stopping_patience": {"low": 1},
    "early_stopping_threshold": {"low": 0},
    "image_square_size": {"low": 1, "most": 16_384},
    "num_trials": {"low": 1, "most": 100_000},
    "time_limit": {"low": 1},
    "eval_strategy": {"choices": table.choices("eval_strategies")},
    "optimizer": {"choices": table.choices("optimizers")},
    "scheduler": {"choices": table.choices("schedulers")},
    "task": {"choices": ("classification", "regression")},
    "categorical_imputer": {"choices": ("median", "mean", "most_frequent")},
    "numerical_imputer": {"choices": ("median", "mean", "most_frequent")},
    "numeric_scaler": {"choices": ("standard", "minmax", "robust", "normal")},
}
"""What AutoTrain's types do not say but its trainers need."""

LOOSER: Mapping[str, tuple[str, ...]] = {"target_modules": ("list[str]",)}
"""Types that we take beside AutoTrain's, and put into its own."""


@cache
def task_fields(task: str) -> Mapping[str, Field]:
    """`params.*` and `data.column_mapping.*` of one of the tasks."""
    fields: dict[str, Field] = {}
    for parameter in table.engine_parameters(task):
        column = parameter.name.endswith(("_column", "_columns"))
        limits = dict(RANGES.get(parameter.name, {}))
        if parameter.name == "trainer":
            limits["choices"] = TRAINERS[task]
        field = Field(
            "",
            parameter.types + LOOSER.get(parameter.name, ()),
            parameter.title,
            f"{SOURCE} {table.class_of(task)}",
            parameter.default,
            **limits,  # type: ignore[arg-type]
        )
        if column:
            _add(fields, field, f"data.column_mapping.{parameter.name}")
        if (not column and parameter.name not in PARAMETER_KEYS) or parameter.name in BOTH:
            _add(fields, field, f"params.{parameter.name}")
    return fields


def _add(fields: dict[str, Field], field: Field, key: str) -> None:
    fields[key] = replace(field, key=key)


@cache
def schema() -> EngineSchema:
    return EngineSchema(
        engine="autotrain",
        task_names=table.task_names(),
        task_fields=task_fields,
        needed_columns=needed_columns,
        refused_names=table.refused_names(),
        estimators=table.tabular_models(),
        loggers=table.choices("logs"),
        chat_templates=(*CHAT_TEMPLATES, "none"),
        parameter_keys=PARAMETER_KEYS,
        other_names=OTHER_NAMES,
        other_values=OTHER_VALUES,
        foreign_backends=table.hardware(),
        check_rules=target_modules.normalise,
    )
