"""What holds between keys: columns by trainer, chat, splits, gates, names that no trainer takes."""

from __future__ import annotations

import re
from pathlib import Path

from hf_recipes.catalog.bundled import BUNDLED
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.catalog.hub_ids import HUB_ID
from hf_recipes.catalog.tasks import is_chat_trainer
from hf_recipes.recipe import backend_rules, data_rules, evaluate_rules, measures, pushing
from hf_recipes.recipe.check import Reading
from hf_recipes.recipe.fields import METRICS
from hf_recipes.recipe.spelling import one_of

PATHS = re.compile(
    r"base_model|data\.path|evaluate\.(?:documents|embedding_model|metrics\.\d+\.options\.database)"
)
"""Keys whose value may be the path of a file or a folder."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
ADDRESS = re.compile(r"https?://", re.IGNORECASE)
FILE_ENDINGS = (
    *(".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".txt"),
    *(".gz", ".zst", ".bz2", ".xz", ".zip"),
)


def check_reading(reading: Reading, trainer: str | None, *, named: str | None) -> None:
    """Adds a problem for every rule that the reading breaks. `named` is the trainer that the task's name chooses."""
    _paths(reading)
    _project_name(reading)
    backend_rules.check_backend(reading)
    _base_model(reading)
    _data_path(reading)
    _splits(reading)
    data_rules.check_data_keys(reading)
    pushing.check_pushing(reading)
    reading.schema.check_rules(reading)
    if reading.task:
        _trainer(reading, named)
        _columns(reading, trainer)
        _chat_template(reading)
        _messages(reading, trainer)
        _system(reading)
        _evaluate(reading, trainer)


def _project_name(reading: Reading) -> None:
    name = reading.values.get("project_name")
    if not isinstance(name, str):
        return
    if not name.replace("-", "").isalnum():
        reading.report("project_name", "project-name", "takes letters, digits and hyphens only")
    elif name.startswith("-"):
        what = "begins with a hyphen: programs would take it for an option"
        reading.report("project_name", "project-name", what, "begin it with a letter or a digit")
    elif name in ("data", "base"):
        reading.report(
            "project_name",
            "project-name",
            "is the name of a folder that each run has already",
            "write another",
        )
    elif len(name) > 50:
        reading.report("project_name", "project-name", f"is {len(name)} characters long, 50 are allowed")


def _base_model(reading: Reading) -> None:
    model, backend = reading.values.get("base_model"), reading.values.get("backend")
    if not isinstance(model, str):
        return
    if reading.task == "tabular":
        _tabular_model(reading, model)
    elif model.startswith("bundled/"):
        if model not in BUNDLED:
            reading.report(
                "base_model", "unknown-value", "no such bundled model", one_of(model, tuple(BUNDLED))
            )
        elif isinstance(backend, str) and not runs_here(backend):
            hint = "name a Hub model, such as HuggingFaceTB/SmolLM2-135M-Instruct, or use backend: local"
            reading.report("base_model", "bundled-remote", f"a bundled model is not there on {backend}", hint)
    elif not HUB_ID.fullmatch(model) and not _on_disk(reading, model):
        reading.report("base_model", "not-found", "neither a folder on this disk nor a Hub id (owner/name)")


def _tabular_model(reading: Reading, model: str) -> None:
    models = reading.schema.estimators
    kind = reading.values.get("params.task", "classification")
    if model not in models:
        reading.report("base_model", "unknown-value", "no tabular model", one_of(model, list(models)))
    elif kind not in models[model]:
        hint = f"{', '.join(name for name, kinds in models.items() if kind in kinds)} do"
        reading.report("base_model", "unknown-value", f"this model does no {kind}", hint)


def _data_path(reading: Reading) -> None:
    """A data file must be there. A missing folder is left to the step that reads it: configs are often checked
    before their data is there."""
    path = reading.values.get("data.path")
    if isinstance(path, str) and "\\" in path and not _on_disk(reading, path):
        hint = "write it as this machine calls it, with / between folders"
        reading.report("data.path", "not-found", "no such file or folder: it is written as on Windows", hint)
    elif isinstance(path, str) and ADDRESS.match(path):
        reading.report("data.path", "not-found", "an address is no dataset", "a Hub dataset is owner/name")
    elif isinstance(path, str) and path.lower().endswith(FILE_ENDINGS) and not _on_disk(reading, path):
        if data_rules.is_broken_link(reading):
            return
        hint = "relative paths count from the recipe's folder"
        reading.report("data.path", "not-found", "no such file", hint)


def _paths(reading: Reading) -> None:
    """A path in double quotes loses its backslashes: "C:\\temp" holds a tab that cannot be seen."""
    for key, value in list(reading.values.items()):
        if PATHS.fullmatch(key) and isinstance(value, str) and CONTROL.search(value):
            what = (
                "holds a tab, a line break or the like: in double quotes \\t, \\n, \\b … are such characters"
            )
            reading.report(
                key, "odd-character", what, "write / or \\\\, or put single quotes around the text"
            )
            del reading.values[key]


def _on_disk(reading: Reading, path: str) -> bool:
    try:
        return (reading.folder / Path(path).expanduser()).exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _splits(reading: Reading) -> None:
    test = reading.values.get("data.test_split")
    if isinstance(test, str) and re.fullmatch(r"\s*[\d.]+\s*%\s*", test, re.ASCII):
        reading.report("data.test_split", "out-of-range", "is a share in per cent", "write 0.1 for 10 %")
    elif isinstance(test, str) and not test.strip():
        reading.report("data.test_split", "out-of-range", "is empty")
    for other in ("train_split", "valid_split"):
        if isinstance(test, str) and test == reading.values.get(f"data.{other}"):
            reading.report(
                "data.test_split", "test-seen", f"is the {other}: test rows must not be trained on"
            )


def _trainer(reading: Reading, trainer: str | None) -> None:
    chosen = reading.values.get("params.trainer")
    if trainer and chosen and chosen != trainer:
        hint = "leave params.trainer out, or name the task without a trainer"
        reading.report("params.trainer", "two-trainers", f"is not {trainer}, which the task says", hint)


def _columns(reading: Reading, trainer: str | None) -> None:
    task = reading.task or ""
    if not _has_data(reading) or "data.messages" in reading.places:
        return
    needed = reading.schema.needed_columns(task, trainer)
    if "data.column_mapping" not in reading.places:
        example = ", ".join(f"{name}: …" for name in needed)
        reading.report("data.column_mapping", "missing-columns", "missing", f"{{{example}}}")
        return
    for name in needed:
        key = f"data.column_mapping.{name}"
        if "data.column_mapping" in reading.misshapen:
            return
        if key not in reading.places or (key in reading.values and reading.values[key] in (None, [])):
            what = task if needed == reading.schema.needed_columns(task, None) else f"{trainer} of {task}"
            reading.report(
                key, "missing-columns", f"missing; {what} reads this column", "name the column of your data"
            )


def _has_data(reading: Reading) -> bool:
    """Whether `data` is a mapping. Where it is something else, that is said, and what it lacks is no second mistake."""
    return "data" in reading.places and "data" not in reading.misshapen


def _chat_template(reading: Reading) -> None:
    written, key = "data.chat_template" in reading.places, "data.chat_template"
    messages = "data.messages" in reading.places
    if reading.task != "lm_training":
        if reading.values.get(key) is not None:
            reading.report(key, "wrong-task", f"{reading.task} has no chat template", "leave it out")
        return
    if not written and not messages and _has_data(reading):
        hint = f"null for plain text, or one of {', '.join(reading.schema.chat_templates)}"
        reading.report(key, "missing-key", "missing; llm tasks need it", hint)
    if messages and key in reading.values and reading.values[key] in (None, "none"):
        reading.report(
            key,
            "messages-untemplated",
            "data.messages needs a chat template",
            "write tokenizer, or leave it out",
        )


def _messages(reading: Reading, trainer: str | None) -> None:
    key = "data.messages"
    if key not in reading.places:
        return
    if not is_chat_trainer(reading.task, trainer):
        reading.report(
            key, "wrong-task", "only llm-sft and llm-generic are trained on messages", "use column_mapping"
        )
        return
    if reading.values.get("data.column_mapping.text_column", "text") != "text":
        hint = "leave text_column out: the messages are the text"
        reading.report("data.column_mapping.text_column", "two-sources", "stands beside data.messages", hint)
    count = len([name for name in reading.places if re.fullmatch(r"data\.messages\.\d+", name)])
    roles = [reading.values.get(f"{key}.{number}.role") for number in range(count)]
    if not (roles and None in roles):
        _role_order(reading, roles)
    for number in range(count):
        _template(reading, f"{key}.{number}.content")


def _system(reading: Reading) -> None:
    """`fold` puts the text of a system turn into the rows, from where only one that all rows share can be taken out again."""
    if reading.values.get("data.system") != "fold":
        return
    if reading.task != "lm_training" or (
        "data.messages" not in reading.places and reading.values.get("data.chat_template") in (None, "none")
    ):
        reading.report("data.system", "wrong-task", "there are no chat messages", "leave it out")
    key, system = "evaluate.baseline_system", reading.values.get("data.messages.0.content")
    has_system = reading.values.get("data.messages.0.role") == "system"
    shared = has_system and isinstance(system, str) and "{" not in system.replace("{{", "")
    if reading.values.get(key) is not None and not (
        shared or (reading.given("data.messages") and not has_system)
    ):
        hint = "write a system turn without columns in data.messages, or leave one of both out"
        reading.report(
            key,
            "two-sources",
            "can't take the place of system turns that data.system folds into the rows",
            hint,
        )


def _role_order(reading: Reading, roles: list[object]) -> None:
    key, hint = "data.messages", "an optional system turn, then user and assistant in turn"
    if not roles or roles[-1] != "assistant":
        reading.report(key, "message-order", "must end with an assistant's turn, the answer to learn", hint)
    turns = roles[1:] if roles[:1] == ["system"] else roles
    start = len(roles) - len(turns)
    for number, role in enumerate(turns):
        due = ("user", "assistant")[number % 2]
        if role != due:
            reading.report(
                f"{key}.{start + number}.role", "message-order", f"a {due}'s turn is due here", hint
            )
            return


def _template(reading: Reading, key: str) -> None:
    """`{column}` places must close and name a column; `{{` and `}}` are braces."""
    content = reading.values.get(key)
    if not isinstance(content, str):
        return
    rest = re.sub(r"\{\{|\}\}|\{[^{}\"':\n]*[^{}\"':\s][^{}\"':\n]*\}", "", content)
    if "{" in rest or "}" in rest:
        reading.report(
            key, "template-braces", "a brace that opens or closes no {column}", "write {{ and }} for braces"
        )
    elif reading.values.get(key.replace("content", "role")) == "assistant" and "{" not in re.sub(
        r"\{\{", "", content
    ):
        doubled = "a column stands in single braces" if "{{" in content else "name the column, as {answer}"
        reading.report(
            key, "no-column", "names no column: the model would say the same to every row", doubled
        )


def _evaluate(reading: Reading, trainer: str | None) -> None:
    if not reading.given("evaluate") or "evaluate" in reading.misshapen:
        return
    templated = reading.values.get("data.chat_template") in ("tokenizer", "chatml", "zephyr")
    chat = "data.messages" in reading.places or templated or "data.chat_template" not in reading.values
    if not is_chat_trainer(reading.task, trainer) or not chat:
        hint = "leave evaluate out, or train llm-sft on chat messages"
        reading.report("evaluate", "wrong-task", "only chat models can be measured so far", hint)
        return
    test = reading.values.get("data.test_split")
    wrong = any(problem.message.startswith("data.test_split") for problem in reading.problems)
    if test is None and not wrong and "data" not in reading.misshapen:
        hint = "name a split, or a fraction such as 0.1 to hold out"
        reading.report(
            "evaluate", "missing-key", "data.test_split is missing, so there are no rows to measure on", hint
        )
    measures.check_metrics(reading)
    _gates(reading)
    evaluate_rules.check_evaluate(reading, measures.metric_names(reading))


def _gates(reading: Reading) -> None:
    metrics = measures.metric_names(reading)
    known = not any(problem.message.startswith("evaluate.metrics") for problem in reading.problems)
    baselines = reading.values.get("evaluate.baselines", ["zero-shot", "few-shot"])
    assert isinstance(baselines, list)
    for metric in METRICS:
        key = f"evaluate.require.{metric}"
        if known and key in reading.places and metric not in metrics:
            reading.report(key, "unmeasured", f"{metric} is not in evaluate.metrics")
        rival = reading.values.get(f"{key}.better_than")
        if rival is not None and not (baselines if rival == "best_baseline" else rival in baselines):
            reading.report(f"{key}.better_than", "unmeasured", "is not in evaluate.baselines", "add it there")
