"""A run as the road leaves it, with the real base and a LoRA adapter that answers differently; the page served for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from hf_recipes import environments
from hf_recipes.api import compare
from hf_recipes.resources import shipped

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SYSTEM = "Turn the recipe line into JSON with qty, unit and name."
EXAMPLES = ("about 3 tsp. rolled oats, thinly sliced", "flaky salt, to taste")
NEW_TOKENS = 12
REPORT = {
    "schema": 1,
    "n": 300,
    "methods": {
        "zero-shot": {
            "metrics": {"exact_match": {"value": 0.0, "low": 0.0, "high": 0.012}},
            "prompt_tokens": 11400,
            "completion_tokens": 11000,
            "seconds": 60.0,
        },
        "fine-tuned": {
            "metrics": {"exact_match": {"value": 0.95, "low": 0.92, "high": 0.969}},
            "prompt_tokens": 11400,
            "completion_tokens": 6600,
            "seconds": 45.0,
        },
    },
    "verdict": {"decision": "fine-tuned", "reason": "Right on 285 rows that zero-shot got wrong."},
}
HOSTILE = "</script><img src=x onerror=\"document.title = 'owned'\"> \u202e \ud83d"
ROWS = [
    {
        "row": number,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{number} oats"}],
        "reference": "right",
        "answers": {
            "zero-shot": {"answer": "no", "scores": {"exact_match": 0.0}},
            "fine-tuned": {"answer": answer, "scores": {"exact_match": float(answer == "right")}},
        },
    }
    for number, answer in enumerate(["right", HOSTILE, "right"])
]

# Runs in the inference interpreter: where the base is, what it says by itself, and an adapter that says something else.
MAKE = """
import json, sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import LoraConfig, get_peft_model
from hf_recipes.inference.base_model import resolve_base
folder, system, line, new = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
base = resolve_base("bundled/smollm2-135m-instruct", say=lambda text: print(text, file=sys.stderr))
tokenizer = AutoTokenizer.from_pretrained(base)
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
messages = [{"role": "system", "content": system}, {"role": "user", "content": line}]
asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
made = model.generate(**asked, max_new_tokens=new, do_sample=False)[0, asked["input_ids"].shape[1]:]
torch.manual_seed(7)
tuned = get_peft_model(model, LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
for name, weight in tuned.named_parameters():
    if "lora_B" in name:
        torch.nn.init.normal_(weight, std=0.15)
tuned.save_pretrained(folder)
print("MADE" + json.dumps({"base": base, "said": tokenizer.decode(made, skip_special_tokens=True)}))
"""


@dataclass(frozen=True)
class Made:
    run: Path
    examples: tuple[str, ...]
    base_says: str
    """What the base says to the first example, by itself."""


@dataclass
class Served:
    process: subprocess.Popen[str]
    url: str
    said: list[str] = field(default_factory=list)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def _write_run(folder: Path, base: str, **job: Any) -> Path:
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "work").mkdir(exist_ok=True)
    (folder / "report").mkdir(exist_ok=True)
    settled = {
        "task": "lm_training",
        "project_name": "ingredient-parser",
        "base_model": "bundled/smollm2-135m-instruct",
        "params": {"trainer": "sft"},
        "data": {
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": "{line}"},
                {"role": "assistant", "content": "{json}"},
            ]
        },
        "evaluate": {"max_new_tokens": NEW_TOKENS},
        "compare": {"title": "Ingredient parser <before> & after", "examples": list(EXAMPLES)},
        **job,
    }
    (folder / "job.json").write_text(json.dumps(settled))
    (folder / "state.json").write_text(json.dumps({"schema": 1, "id": folder.name, "state": "succeeded"}))
    (folder / "work" / "prepared.json").write_text(json.dumps({"base_model": base}))
    (folder / "report" / "report.json").write_text(json.dumps(REPORT))
    (folder / "report" / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    return _write_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    run = tmp_path_factory.mktemp("runs") / "ingredient-parser-20260101-000000-abcd"
    python = environments.ensure("inference", say=print)
    done = subprocess.run(
        [str(python), "-c", MAKE, str(run / "model"), SYSTEM, EXAMPLES[0], str(NEW_TOKENS)],
        env={**os.environ, "PYTHONPATH": str(environments.package_path())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.rsplit("MADE", 1)[1])
    return Made(_write_run(run, found["base"]), EXAMPLES, found["said"])


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Served]]:
    """Start `hf-recipes compare` for a run, as a person does; what still runs in the end is killed."""
    started: list[Served] = []

    def start(run: Path, *arguments: str) -> Served:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "hf-recipes"), "compare", str(run), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        served = Served(process, "")
        started.append(served)
        assert process.stdout is not None and process.stderr is not None
        errors = process.stderr
        threading.Thread(target=lambda: served.said.extend(errors), daemon=True).start()
        served.url = process.stdout.readline().strip()
        return served

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.send_signal(signal.SIGINT)
            served.process.wait(30)


@pytest.fixture(scope="session")
def served(made: Made, serve: Callable[..., Served]) -> Served:
    served = serve(made.run)
    assert served.url, served.said
    return served


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; in the end no error was logged and nothing was asked of any other machine."""
    trouble: list[str] = []
    pages: list[Page] = []

    def open_page(url: str, **context: Any) -> Page:
        page = browser.new_page(**context)
        pages.append(page)
        page.on("request", lambda one: is_local(one.url) or trouble.append(f"asked {one.url}"))
        page.on("console", lambda one: one.type == "error" and trouble.append(one.text))
        page.on("pageerror", lambda one: trouble.append(str(one)))
        page.goto(url)
        page.wait_for_selector("#examples .gallery-item")
        return page

    yield open_page
    for page in pages:
        page.close()
    assert trouble == []


def is_local(url: str) -> bool:
    return re.match(r"(http|ws)://127\.0\.0\.1[:/]|data:|blob:", url) is not None


@pytest.fixture(scope="module")
def talkative(made: Any, write_run: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose models say a thousand tokens."""
    run = tmp_path_factory.mktemp("talkative") / "run"
    shutil.copytree(made.run, run)
    base = json.loads((run / "work" / "prepared.json").read_text())["base_model"]
    return write_run(run, base, evaluate={"max_new_tokens": 1000})


@pytest.fixture(scope="module")
def two_pairs(talkative: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with the same models under two names, the second without examples, with a system prompt of its own."""
    [pair] = compare.build_config(talkative)["pairs"]
    config = tmp_path_factory.mktemp("two") / "compare.json"
    pairs = [{**pair, "name": "first"}, {**pair, "name": "second", "examples": [], "system": "Answer."}]
    config.write_text(json.dumps({"pairs": pairs}))
    page = subprocess.Popen(
        [str(environments.ensure("inference", say=print)), str(shipped("space") / "app.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=compare._environment(config, None),
        text=True,
    )
    try:
        assert page.stdout is not None
        yield next(json.loads(line.partition(" ")[2])["url"] for line in page.stdout if "::ready" in line)
    finally:
        page.kill()
        page.wait()
