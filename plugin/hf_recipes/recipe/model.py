"""The validated form of a recipe: frozen values, every string with its `${VAR}` filled in, no secret among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Message:
    """One turn of `data.messages`: a role and a template whose `{column}` places are filled from a row."""

    role: str
    content: str


@dataclass(frozen=True)
class Data:
    path: str
    """A Hub dataset id, or a folder or file; a relative one counts from the recipe's own folder (made absolute)."""
    local: bool
    """Whether `path` was found on this disk."""
    train_split: str
    valid_split: str | None = None
    test_split: str | float | None = None
    """A split's name, or the fraction (0 to 1, both excluded) of train that is held out by seed."""
    chat_template: str | None = None
    column_mapping: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    system: str = "turn"
    """`turn`: a system turn stays one; `fold`: its text goes in front of the first user turn."""
    limit: int | None = None
    """Training rows used at the most, drawn by seed; None means all."""
    system_column: str | None = None
    """The column whose text goes before ready-made messages, as their system turn."""
    skip_broken: bool | int = False
    """Whether rows that cannot be used are left out, or how many at the most."""
    allow_truncation: bool = False
    """Whether many rows may be cut because they do not fit."""
    encoding: str | None = None
    """Encoding of local text files that are not UTF-8 and have no byte order mark."""


@dataclass(frozen=True)
class Hub:
    username: str | None = None
    token_variable: str | None = None
    """The *name* of the environment variable that holds the token; the value is never kept."""
    push_to_hub: bool = False
    unset: tuple[tuple[str, str], ...] = ()
    """(key, variable) of what is named here and not set: needed as soon as something is pushed."""


@dataclass(frozen=True)
class UseCase:
    goal: str = ""
    success: str = ""


@dataclass(frozen=True)
class Bound:
    """One gate of `evaluate.require`: `at_least` is in the metric's unit, `better_than` names a baseline method."""

    at_least: float | None = None
    better_than: str | None = None


@dataclass(frozen=True)
class Metric:
    name: str
    options: Mapping[str, object] = field(default_factory=dict)
    """As written; those of `recipe/fields.py` for this metric. A key for an endpoint is the *name* of its variable."""


@dataclass(frozen=True)
class Endpoint:
    """A server that speaks OpenAI's HTTP interface."""

    base_url: str
    model: str
    api_key: str | None = None
    """The *name* of the environment variable that holds the key."""


@dataclass(frozen=True)
class Server:
    """A server of a person's own that answers for both models of the pair."""

    base_url: str
    base: str
    """What it calls the base model."""
    fine_tuned: str | None = None
    """What it calls the fine-tuned model; None where it serves the base alone."""
    api_key: str | None = None
    """The *name* of the environment variable that holds the key."""


@dataclass(frozen=True)
class Evaluate:
    metrics: tuple[Metric, ...] = (Metric("exact_match"),)
    """The first decides the verdict."""
    baselines: tuple[str, ...] = ("zero-shot", "few-shot")
    baseline_system: str | None = None
    """The baselines' system turn, in place of the recipe's; None: the same."""
    shots: int = 4
    shots_by: str = "seed"
    """How few-shot examples are chosen: by `seed`, the same for every row, or by `similarity` to the row."""
    passages: int = 4
    retrieve_by: str = "bm25"
    """`bm25` or `embeddings`."""
    embedding_model: str | None = None
    documents: str | None = None
    """A file or folder that passages are retrieved from, made absolute; None: from the training examples."""
    reference: Endpoint | None = None
    runtime: str = "transformers"
    """`transformers` or `vllm`."""
    server: Server | None = None
    """Answers for both models in the runtime's place."""
    forgetting: bool = True
    """Whether to compare the likelihood of general text before and after training."""
    max_new_tokens: int | None = None
    """None: as long as the expected answers of the test rows need (data/answer_room.py)."""
    batch_size: int = 32
    limit: int | None = None
    """Test rows used at the most, drawn by seed; None means all."""
    require: Mapping[str, Bound] = field(default_factory=dict)


@dataclass(frozen=True)
class Compare:
    title: str = ""
    examples: tuple[str, ...] = ()
    hardware: str | None = None


@dataclass(frozen=True)
class Recipe:
    file: Path
    text: str
    """The YAML as given, byte for byte."""
    task: str
    """The canonical task, such as `lm_training`."""
    task_alias: str
    """The task as written, such as `llm-sft`."""
    trainer: str | None
    """What the alias chooses within the task (`sft`, `triplet`, `vqa`), or None."""
    base_model: str
    project_name: str
    backend: str
    engine: str
    log: str
    data: Data
    params: Mapping[str, object]
    """`params:` as written and type-checked; the engine fills in defaults."""
    hub: Hub
    use_case: UseCase | None
    evaluate: Evaluate | None
    compare: Compare
    trust_remote_code: bool
    positions: Mapping[str, tuple[int, int]]
    """Dotted key → (line, column), both from 1, of the *key*; `params.lr.value` style keys are not used."""
    settings: tuple[str, ...] = ()
    """`--set` arguments that were laid over the file, as typed."""
    max_cost: float | None = None
    """US dollars; None: asked above a limit of ours."""
    matrix: Mapping[str, object] = field(default_factory=dict)
    """For a combination of the file's matrix: its values by dotted key, as written. `settings` holds them too."""
