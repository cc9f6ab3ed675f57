"""A first recipe for a person's own data, out of what its rows show. Every value in it is one that can be changed."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.engines.registry import engine_schemas
from hf_recipes.environments.call import ask_inference

BASE = "bundled/smollm2-135m-instruct"
CHARACTERS_A_TOKEN = 3
"""A low estimate for English text, so that rows fit; `check` counts with the base's own tokenizer."""
TEMPLATE = 64
"""Tokens that a chat template adds to a row, a default system turn among them."""
BLOCKS = (128, 256, 512, 1024, 2048)
ENOUGH = 1_000
"""Rows of which a tenth are test rows enough; of fewer it is a fifth."""


class CannotSketch(Exception):
    """No recipe can be made from the data; the message says why."""


def recipe_for(name: str, data: str, base: str, folder: Path, say: Callable[[str], None]) -> str:
    """The text of recipe.yml for `data`, a file, a folder or a Hub id, and for `base`, a model of the Hub or a folder. `folder` is where the recipe will lie.

    Raises CannotSketch, environments.EnvironmentFailed.
    """
    local = Path(data).exists() or data.startswith((".", "/", "~"))
    place = Path(data).expanduser()
    say("looking at the rows …")
    asked = {"path": str(place.absolute()) if local else data, "local": local}
    found: Mapping[str, Any] = ask_inference("hf_recipes.steps.prepare.sketch_rows", asked, say)
    if "problem" in found:
        raise CannotSketch(str(found["problem"]))
    path = os.path.relpath(place.absolute(), folder.absolute()) if local else data
    return "\n".join(_lines(name, path, _base(base, folder), found)) + "\n"


def _base(base: str, folder: Path) -> str:
    """As the recipe in `folder` names it."""
    if base == BASE:
        return f"{BASE} # small, needs no Hub; a larger one learns more: a name on the Hub, or a folder"
    place = Path(base).expanduser()
    return _text(os.path.relpath(place.absolute(), folder.absolute()) if place.is_dir() else base)


class EngineLacksTask(Exception):
    """The engine does not train the recipe's task; the message says which it does."""


def with_engine(text: str, engine: str) -> str:
    """The text of a recipe with its engine, in the line behind its task. Raises EngineLacksTask."""
    lines = [line for line in text.splitlines(keepends=True) if not line.startswith("engine:")]
    place = next(number for number, line in enumerate(lines) if line.startswith("task:"))
    task = lines[place].partition("#")[0].removeprefix("task:").strip()
    known = engine_schemas()[engine].task_names
    if task not in known:
        raise EngineLacksTask(f"engine {engine} does not train {task}; it trains {', '.join(known)}")
    return "".join([*lines[: place + 1], f"engine: {engine}\n", *lines[place + 1 :]])


def project_name(name: str) -> str:
    """A name that a project can have: letters, digits and hyphens, at most 50."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:50].strip("-") or "my-model"


def _lines(name: str, path: str, base: str, found: Mapping[str, Any]) -> Iterator[str]:
    sketch, splits = found["sketch"], found["splits"]
    rows = f"{found['rows']:,}{'+' if found['more'] else ''}"
    yield f"# Made by hf-recipes new from {rows} rows. Look through it, then: hf-recipes check recipe.yml, plan, run."
    yield "# hf-recipes schema --field params.lr explains a key."
    yield ""
    yield f"task: {sketch['task']}"
    yield f"base_model: {base}"
    yield f"project_name: {project_name(name)}"
    yield "log: none"
    yield "backend: local # this machine; hf-recipes run --backend spaces-t4-small rents one"
    yield ""
    yield "data:"
    yield f"  path: {_text(path)}"
    yield f"  train_split: {_text(splits['train'])}"
    if sketch["metrics"]:
        yield from _test_split(splits["test"], found)
    yield from _form(sketch)
    yield ""
    yield from _params(sketch)
    if sketch["metrics"]:
        yield ""
        yield from _evaluate(sketch)


def _test_split(test: str | None, found: Mapping[str, Any]) -> Iterator[str]:
    if test:
        yield f"  test_split: {_text(test)} # never trained on: the report counts on these rows alone"
        return
    share = 0.1 if found["more"] or found["rows"] >= ENOUGH else 0.2
    yield f"  test_split: {share} # this share is drawn from the rows and never trained on: the report counts on it alone"


def _form(sketch: Mapping[str, Any]) -> Iterator[str]:
    if sketch["conversation"] or sketch["task"] == "llm-dpo":
        if sketch["conversation"]:
            yield "  chat_template: tokenizer # the base model's own"
        yield "  column_mapping:"
        yield f"    text_column: {_text(sketch['conversation'] or sketch['answered'])}"
        if sketch["task"] == "llm-dpo":
            yield f"    rejected_text_column: {_text(sketch['rejected'])}"
            yield f"    prompt_text_column: {_text(sketch['asked'][0])}"
        return
    yield "  chat_template: tokenizer # the base model's own"
    yield "  messages: # each {column} is filled from the row"
    yield f"    - {{ role: user, content: {_text(_template(sketch['asked']))} }}"
    yield f"    - {{ role: assistant, content: {_text('{' + sketch['answered'] + '}')} }}"


def _template(columns: Sequence[str]) -> str:
    return "\n\n".join(f"{{{column}}}" for column in columns)


def _params(sketch: Mapping[str, Any]) -> Iterator[str]:
    tokens = sketch["longest"] // CHARACTERS_A_TOKEN + TEMPLATE
    block = next((size for size in BLOCKS if size >= tokens), BLOCKS[-1])
    yield "params:"
    yield "  peft: true # LoRA: a small adapter is trained, the base stays as it is"
    yield "  quantization: null # int4 needs a GPU"
    yield "  target_modules: all-linear"
    yield f"  block_size: {block} # tokens; the longest row has {sketch['longest']:,} characters, and check says whether it fits"
    yield "  batch_size: 1"
    yield "  gradient_accumulation: 1"
    yield "  epochs: 1"
    yield "  lr: 1e-3" if sketch["task"] == "llm-sft" else "  lr: 5e-5"
    yield "  scheduler: cosine"
    yield "  logging_steps: 10"
    yield "  seed: 42"


def _evaluate(sketch: Mapping[str, Any]) -> Iterator[str]:
    yield "# The fine-tuned model is measured against its own base, prompted without and with examples."
    yield "evaluate:"
    yield f"  metrics: [{', '.join(sketch['metrics'])}] # the first decides"
    yield "  baselines: [zero-shot, few-shot, retrieval]"
    if sketch["labels"]:
        listed = ", ".join(sketch["labels"])
        yield f"  baseline_system: {_text(f'Answer with one of these and nothing else: {listed}')} # what an untrained model must be told"


def _text(value: str) -> str:
    """As YAML has it in quotes, which are JSON's."""
    return value if re.fullmatch(r"[A-Za-z][\w./-]*", value) else json.dumps(value, ensure_ascii=False)
