"""Every key of a recipe that all tasks have, said once: validation, the JSON Schema and `schema --field` read this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from hf_recipes.catalog.metrics import METRICS as METRIC_FACTS

if TYPE_CHECKING:
    from hf_recipes.recipe.engine_schema import EngineSchema


@dataclass(frozen=True)
class Field:
    key: str
    """Dotted; `*` stands for any key or any place in a list."""
    types: tuple[str, ...]
    meaning: str
    source: str = "hf-recipes"
    default: object = None
    required: bool = False
    choices: tuple[object, ...] = ()
    """The values allowed, beside null where `types` has it. Empty: any."""
    low: float | None = None
    high: float | None = None
    most: float | None = None
    """Far above what anyone means: said where it is exceeded, and nowhere else."""
    open_low: bool = False
    """`low` itself is not allowed."""
    open_high: bool = False
    also: tuple[float, ...] = ()
    """Values outside the bounds that are allowed, such as -1 for "choose for me"."""
    pattern: str = ""
    """For editors: what validation itself checks by code."""
    secret: bool = False
    """Written as ${NAME} alone; the recipe keeps the name and never the value."""


AUTOTRAIN = "AutoTrain 0.8.36"
"""The release whose YAML is a valid recipe: the source of the keys that come from it."""
METRIC_OPTIONS: Mapping[str, tuple[str, ...]] = {name: facts.options for name, facts in METRIC_FACTS.items()}
"""The metrics, each with its options."""
METRICS = tuple(METRIC_OPTIONS)
NEEDED_OPTIONS: Mapping[str, tuple[str, ...]] = {
    name: facts.needed for name, facts in METRIC_FACTS.items() if facts.needed
}
BASELINES = ("zero-shot", "few-shot", "retrieval")
VARIABLE = r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"


def _top(schema: EngineSchema) -> tuple[Field, ...]:
    return (
        Field("task", ("str",), "What to train. llm-sft, text-classification, st:triplet …", AUTOTRAIN, required=True, choices=tuple(schema.task_names)),
        Field("base_model", ("str",), "The model to start from: a Hub id, a folder, or bundled/smollm2-135m-instruct, which needs no Hub. For tabular: the kind of model.", AUTOTRAIN, required=True),
        Field("project_name", ("str",), "Names the run, its folder and the model: letters, digits and hyphens, at most 50.", AUTOTRAIN, required=True, pattern=r"^(?=.*[^-])[^\W_-]*(-[^\W_-]*)*$"),
        Field("log", ("str",), "Where training reports to beside the console.", AUTOTRAIN, "none", choices=schema.loggers),
        Field("backend", ("str",), "Where to train: local, spaces-<hardware> or jobs-<hardware>.", AUTOTRAIN, required=True),
        Field("max_cost", ("float", "null"), "The estimated cost in US dollars up to which a run on Hugging Face starts without asking.", low=0),
        Field("engine", ("str",), "The trainer.", default=schema.engines[0], choices=schema.engines),
        Field("trust_remote_code", ("bool",), "Whether code that comes with the base model or the data may run. AutoTrain's own default is yes.", default=False),
        Field("data", ("map",), "What to train on.", AUTOTRAIN, required=True),
        Field("params", ("map", "null"), "The trainer's parameters; they depend on engine and task. Parameters left out have the trainer's defaults.", AUTOTRAIN),
        Field("hub", ("map", "null"), "Where the model goes on Hugging Face.", AUTOTRAIN),
        Field("use_case", ("map", "null"), "What the model is for. Goes into the model card."),
        Field("evaluate", ("map", "null"), "How the fine-tuned model is measured against its base, on rows it was not trained on."),
        Field("compare", ("map", "null"), "The page that puts base and fine-tuned side by side."),
        Field("matrix", ("map", "null"), "Dotted key → list of values: one run for each combination, at most 64, as in {params.lr: [1e-4, 2e-4]}."),
    )  # fmt: skip


def _data(schema: EngineSchema) -> tuple[Field, ...]:
    return (
        Field("data.path", ("str",), "A Hub dataset, or a file or folder; a relative path is relative to the recipe.", AUTOTRAIN, required=True),
        Field("data.train_split", ("str",), "The split to train on, or <config>:<split>. For local data: the file's name without its extension.", AUTOTRAIN, required=True),
        Field("data.valid_split", ("str", "null"), "The split that training is validated on.", AUTOTRAIN),
        Field("data.test_split", ("str", "float", "null"), "The rows that the model is measured on, never trained on: a split, or the fraction of train to hold out.", low=0, high=1, open_low=True, open_high=True),
        Field("data.chat_template", ("str", "null"), "How conversations become text (llm tasks, required there unless data.messages is given): tokenizer is the base model's own.", AUTOTRAIN, choices=schema.chat_templates),
        Field("data.column_mapping", ("map",), "Which columns of the data the trainer reads.", AUTOTRAIN),
        Field("data.limit", ("int", "null"), "The most training rows to use, drawn by seed; null is all.", low=1),
        Field("data.system_column", ("str", "null"), "The column with the system turn, if another column holds ready-made conversations."),
        Field("data.skip_broken", ("bool", "int"), "Whether unusable rows, such as rows with an empty answer, are left out, counted and named; a number allows at most that many.", default=False, low=0),
        Field("data.allow_truncation", ("bool",), "Whether training goes on where more than one row in twenty does not fit and is cut.", default=False),
        Field("data.encoding", ("str", "null"), "The encoding of local .jsonl, .json, .csv and .tsv files that are not UTF-8, such as windows-1252."),
        Field("data.system", ("str",), "What happens to a system turn: it stays a turn, or its text goes in front of the first user turn, for bases whose chat template has no system role.", default="turn", choices=("turn", "fold")),
        Field("data.messages", ("list",), "Columns → chat messages, for llm-sft: templates with {column} places; {{ and }} are braces."),
        Field("data.messages.*", ("map",), "One turn of the conversation."),
        Field("data.messages.*.role", ("str",), "Who speaks.", required=True, choices=("system", "user", "assistant")),
        Field("data.messages.*.content", ("str",), "What is said: text with {column} places.", required=True),
    )  # fmt: skip


def _rest() -> tuple[Field, ...]:
    return (
        Field("hub.username", ("str", "null"), "The user or organisation that the model is pushed to.", AUTOTRAIN),
        Field("hub.token", ("str", "null"), "The environment variable that holds the token, written as ${HF_TOKEN}; never the token itself.", AUTOTRAIN, pattern=VARIABLE, secret=True),
        Field("hub.push_to_hub", ("bool",), "Whether the model is pushed, once it has been verified.", AUTOTRAIN, False),
        Field("use_case.goal", ("str",), "What the model should do.", default=""),
        Field("use_case.success", ("str",), "When it is good enough.", default=""),
        Field("evaluate.metrics", ("list",), "What is measured, each a name or {name, options}. The first decides the verdict.", default=["exact_match"]),
        Field("evaluate.metrics.*", ("str", "map"), "One metric.", choices=METRICS),
        Field("evaluate.metrics.*.name", ("str",), "The metric.", required=True, choices=METRICS),
        Field("evaluate.metrics.*.options", ("map",), "How it is measured; the keys depend on the metric."),
        Field("evaluate.metrics.*.options.fields", ("list[str]",), "json_precision, json_recall, json_f1: the fields to compare; nested ones as address.city. Default: all."),
        Field("evaluate.metrics.*.options.tolerance", ("float",), "number_match: how far the number may be from the expected one.", default=0.0, low=0),
        Field("evaluate.metrics.*.options.database", ("str",), "sql_execution: the SQLite file that queries run against, read-only; a relative path is relative to the recipe. Default: tables made from the CREATE TABLE statements in the messages."),
        Field("evaluate.metrics.*.options.timeout", ("float",), "sql_execution: seconds that a query may take.", default=5.0, low=0, open_low=True, high=600),
        Field("evaluate.metrics.*.options.base_url", ("str",), "judge: the OpenAI-compatible endpoint's address, such as http://127.0.0.1:8000/v1."),
        Field("evaluate.metrics.*.options.model", ("str",), "judge: the model's name there."),
        Field("evaluate.metrics.*.options.api_key", ("str", "null"), "judge: the environment variable that holds its key, written as ${OPENAI_API_KEY}; never the key itself.", pattern=VARIABLE, secret=True),
        Field("evaluate.metrics.*.options.instructions", ("str",), "judge: what makes one answer better than another, in words."),
        Field("evaluate.baselines", ("list[str]",), "What the fine-tuned model is compared with: its base without examples, with examples in the prompt, or with retrieved passages.", default=["zero-shot", "few-shot"], choices=BASELINES),
        Field("evaluate.baseline_system", ("str", "null"), "The baselines' system turn instead of the recipe's: what an untrained model must be told, such as the list of allowed answers."),
        Field("evaluate.shots", ("int",), "Examples in the few-shot prompt.", default=4, low=1, most=1_000),
        Field("evaluate.shots_by", ("str",), "How they are chosen from train: by seed, the same for every row, or by similarity to the row.", default="seed", choices=("seed", "similarity")),
        Field("evaluate.passages", ("int",), "Passages in the prompt of the retrieval baseline.", default=4, low=1, most=1_000),
        Field("evaluate.retrieve_by", ("str",), "How passages are found: bm25 by words, embeddings by a model.", default="bm25", choices=("bm25", "embeddings")),
        Field("evaluate.embedding_model", ("str", "null"), "The sentence-transformers model that embeddings come from: a Hub id or a folder."),
        Field("evaluate.documents", ("str", "null"), "What passages are retrieved from: a .txt, .md, .jsonl or .csv file, or a folder of them; null uses the training examples with their answers."),
        Field("evaluate.reference", ("map", "null"), "A model behind an OpenAI-compatible endpoint that answers the same rows, shown beside the others."),
        Field("evaluate.reference.base_url", ("str",), "The endpoint's address, such as http://127.0.0.1:8000/v1.", required=True),
        Field("evaluate.reference.model", ("str",), "The model's name there.", required=True),
        Field("evaluate.reference.api_key", ("str", "null"), "The environment variable that holds its key, written as ${OPENAI_API_KEY}; never the key itself.", pattern=VARIABLE, secret=True),
        Field("evaluate.runtime", ("str",), "What generates the answers: transformers, or vllm if it is installed.", default="transformers", choices=("transformers", "vllm")),
        Field("evaluate.server", ("map", "null"), "Your own server, which answers for base and fine-tuned model instead of the runtime."),
        Field("evaluate.server.base_url", ("str",), "The server's address, such as http://127.0.0.1:8000/v1.", required=True),
        Field("evaluate.server.base", ("str",), "What it calls the base model.", required=True),
        Field("evaluate.server.fine_tuned", ("str", "null"), "What it calls the fine-tuned model."),
        Field("evaluate.server.api_key", ("str", "null"), "The environment variable that holds its key; never the key itself.", pattern=VARIABLE, secret=True),
        Field("evaluate.forgetting", ("bool",), "Whether to compare the likelihood of general text before and after training.", default=True),
        Field("evaluate.max_new_tokens", ("int", "null"), "The longest answer, in tokens; null takes the longest expected answer of the test rows, with some room.", low=1, most=1_000_000),
        Field("evaluate.batch_size", ("int",), "Rows per batch.", default=32, low=1, most=65_536),
        Field("evaluate.limit", ("int", "null"), "The most test rows to use, drawn by seed; null is all.", low=1),
        Field("evaluate.require", ("map", "null"), "Bounds that a run must meet, by metric; otherwise it exits with 1."),
        *(bound for metric in METRICS for bound in _bounds(metric)),
        Field("compare.title", ("str",), "The page's title.", default=""),
        Field("compare.examples", ("list[str]",), "Prompts to click on.", default=[]),
        Field("compare.hardware", ("str", "null"), "The Space's hardware, such as cpu-basic."),
    )  # fmt: skip


def _bounds(metric: str) -> tuple[Field, ...]:
    key = f"evaluate.require.{metric}"
    return (
        Field(key, ("map",), f"What {metric} must reach."),
        Field(f"{key}.at_least", ("float",), "The lowest value that is good enough.", low=0, high=1),
        Field(f"{key}.better_than", ("str",), "The baseline that must be beaten.", choices=("best_baseline", *BASELINES)),
    )  # fmt: skip


@cache
def common(schema: EngineSchema) -> Mapping[str, Field]:
    """The keys that every task has."""
    return {field.key: field for field in (*_top(schema), *_data(schema), *_rest())}


@cache
def fields_for(schema: EngineSchema, task: str | None) -> Mapping[str, Field]:
    """All keys of a recipe for a task of an engine; without a task, those that any of its tasks has."""
    fields = dict(common(schema))
    for name in schema.tasks if task is None else (task,):
        for key, field in schema.task_fields(name).items():
            fields.setdefault(key, field)
    return fields


def children(fields: Mapping[str, Field], parent: str) -> list[str]:
    """The last parts of the keys that stand directly under `parent`, "" being the top."""
    prefix = f"{parent}." if parent else ""
    rest = (key[len(prefix) :] for key in fields if key.startswith(prefix))
    return [name for name in rest if name and "." not in name]
