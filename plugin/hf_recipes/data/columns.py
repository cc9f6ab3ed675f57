"""Which columns each task's trainers read, and of what kind: the names are keys of data.column_mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CHAT_TEMPLATES = ("tokenizer", "chatml", "zephyr")


@dataclass(frozen=True)
class Column:
    parameter: str
    """The key of data.column_mapping that names the column, such as `text_column`."""
    name: str
    """The column's name in the data."""
    kind: str
    """A key of `checks.CONVERTERS`, or `any`: kept as text, and it may be missing."""
    target: bool = False
    """Whether it is what the model should say, rather than what it is asked."""


def is_chat(task: str, params: Mapping[str, object], has_templates: bool) -> bool:
    """Whether the trainer sees conversations: llm tasks with a chat template or `data.messages`."""
    return task == "lm_training" and (has_templates or params.get("chat_template") in CHAT_TEMPLATES)


def trainer_of(params: Mapping[str, object]) -> str:
    return str(params.get("trainer") or "default")


def expected(task: str, params: Mapping[str, object], *, chat: bool) -> tuple[Column, ...]:
    """The columns that the trainer reads; empty for tabular (every column counts) and image tasks."""

    def column(parameter: str, default: str, kind: str, target: bool = False) -> Column:
        return Column(parameter, str(params.get(parameter) or default), kind, target)

    if task == "lm_training":
        text = "messages" if chat else "text"
        columns = [column("text_column", "text", text)]
        trainer = trainer_of(params)
        if trainer in ("dpo", "orpo", "reward"):
            columns.append(column("rejected_text_column", "rejected", text, target=True))
        if trainer in ("dpo", "orpo"):
            # With a chat template the prompt is taken out of the chosen messages, but the column must be there.
            columns.append(column("prompt_text_column", "prompt", "any" if chat else "text"))
        return tuple(columns)
    if task in ("text_binary_classification", "text_multi_class_classification"):
        return (column("text_column", "text", "text"), column("target_column", "target", "label", True))
    if task == "text_single_column_regression":
        return (column("text_column", "text", "text"), column("target_column", "target", "number", True))
    if task == "text_token_classification":
        return (column("tokens_column", "tokens", "texts"), column("tags_column", "tags", "labels", True))
    if task == "seq2seq":
        return (column("text_column", "text", "text"), column("target_column", "target", "text", True))
    if task == "text_extractive_question_answering":
        return (
            column("text_column", "context", "text"),
            column("question_column", "question", "text"),
            column("answer_column", "answers", "answers", True),
        )
    if task == "sentence_transformers":
        return _sentences(trainer_of(params), column("sentence1_column", "sentence1", "text"), params)
    return ()


def named_in_table(task: str, params: Mapping[str, object]) -> dict[str, str]:
    """Tabular data: the columns that the recipe names, each with its parameter. `id_column` may well be one that the trainer adds."""
    if task != "tabular":
        return {}
    found: dict[str, str] = {}
    for parameter in ("target_columns", "categorical_columns", "numerical_columns"):
        names = params.get(parameter) or ()
        for name in [names] if isinstance(names, str) else names if isinstance(names, (list, tuple)) else ():
            found.setdefault(str(name), parameter)
    return found


def _sentences(trainer: str, first: Column, params: Mapping[str, object]) -> tuple[Column, ...]:
    columns = [
        first,
        Column("sentence2_column", str(params.get("sentence2_column") or "sentence2"), "text"),
    ]
    if trainer == "triplet":
        columns.append(Column("sentence3_column", str(params.get("sentence3_column") or "sentence3"), "text"))
    if trainer in ("pair_class", "pair_score"):
        kind = "label" if trainer == "pair_class" else "number"
        columns.append(Column("target_column", str(params.get("target_column") or "target"), kind, True))
    return tuple(columns)


# What the trainers of images and tables cannot do without; of the others `expected` says it.
NEEDED: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("image_multi_class_classification", None): ("image_column", "target_column"),
    ("image_single_column_regression", None): ("image_column", "target_column"),
    ("image_object_detection", None): ("image_column", "objects_column"),
    ("vlm", "vqa"): ("image_column", "text_column", "prompt_text_column"),
    ("vlm", None): ("image_column", "text_column"),
    ("tabular", None): ("target_columns",),
}


def needed_columns(task: str, trainer: str | None) -> tuple[str, ...]:
    """The keys of data.column_mapping that a trainer cannot do without."""
    columns = expected(task, {"trainer": trainer}, chat=False)
    if columns:
        return tuple(column.parameter for column in columns)
    return NEEDED.get((task, trainer)) or NEEDED[task, None]
