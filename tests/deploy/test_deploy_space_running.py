"""The deployed page as a real process: pushed models answer through its API, and none but those of its list."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from hf_recipes import environments
from hf_recipes.cli.main import cli

SPACE = "ada/hf-recipes-compare"
# Runs in the inference interpreter: a base of one layer and two adapters of it.
MAKE = """
import sys
from pathlib import Path
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
folder = Path(sys.argv[1])
words = ["<pad>", "<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
core = Tokenizer(models.BPE(vocab={word: at for at, word in enumerate(words)}, merges=[]))
core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<end>", pad_token="<pad>")
tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
tokenizer.save_pretrained(folder / "base")
config = LlamaConfig(vocab_size=len(words), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                     num_attention_heads=2, num_key_value_heads=2, eos_token_id=1, pad_token_id=0, bos_token_id=None)
torch.manual_seed(0)
LlamaForCausalLM(config).save_pretrained(folder / "base")
for seed, name in enumerate(("one", "two")):
    torch.manual_seed(seed)
    model = LlamaForCausalLM.from_pretrained(folder / "base", dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj", "o_proj"], task_type="CAUSAL_LM"))
    for key, weight in model.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weight, std=1.0)
    model.save_pretrained(folder / name)
"""
# What ZeroGPU's torch has, being built for CUDA, and `spaces` looks for. Tests have a torch that need not be.
CUDA_NAMES = """
import torch
def in_bad_fork():
    return False
if torch.version.cuda is None:
    torch.version.cuda = "13.0"
    torch._C._cuda_init = lambda: None
    torch.cuda._is_in_bad_fork = in_bad_fork
"""
RECIPE = b"""
data: {messages: [{role: user, content: "{line}"}, {role: assistant, content: "{json}"}]}
evaluate: {max_new_tokens: 8}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    python = environments.ensure("inference", say=print)
    done = subprocess.run([str(python), "-c", MAKE, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package `spaces`, which the image of a Gradio Space has, in a folder of its own."""
    folder = tmp_path_factory.mktemp("spaces")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([*pip, "--target", str(folder), "spaces==0.51.3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "sitecustomize.py").write_text(CUDA_NAMES)
    return folder


@pytest.fixture
def running(logged_in: Any, made: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stand-in, with the page deployed for four models: two that work, one missing weights, one soon gone."""
    hub = logged_in
    hub.image = {
        "HF_RECIPES_INFERENCE_PYTHON": str(environments.ensure("inference", say=print)),
        "HF_HUB_DISABLE_XET": "1",
        "OMP_NUM_THREADS": "1",
    }
    hub.put("model", "ada/base", contents(made / "base"), private=True)
    for name in ("one", "two"):
        # What AutoTrain leaves there: a path of the machine that trained.
        ours = {"hf_recipes.json": b'{"base_model": "ada/base"}', "recipe.yml": RECIPE}
        hub.put("model", f"ada/{name}", {**contents(made / name), **ours}, private=True)
        hub.put("model", f"ada/unlisted-{name}", {**contents(made / name), **ours})
    hub.put("model", "ada/empty", {"README.md": b"nothing"})
    hub.put("model", "ada/gone", {**contents(made / "one"), **ours})
    monkeypatch.setenv("HF_RECIPES_SPACE_TOKEN", hub.read_token)
    cli.main(
        args=["space", "deploy", "--models", "ada/one", "ada/two", "ada/empty", "ada/gone"],
        standalone_mode=False,
    )
    hub.state.delete(hub.repo("model", "ada/gone"))
    return hub


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def ask(url: str, name: Any) -> list[str]:
    """What the page shows in the end for a prompt, asked past its dropdown: [problem, base, fine-tuned]; [] for none."""
    session = f"s{time.monotonic_ns()}"
    beside = [""] * 8  # the page's fields for further columns, which these models don't have
    body = {"data": [name, "3 tsp. oats", "", *beside], "fn_index": 0, "session_hash": session}
    httpx.post(f"{url}/gradio_api/queue/join", json=body, timeout=60).raise_for_status()
    shown: list[str] = []
    with httpx.stream(
        "GET", f"{url}/gradio_api/queue/data", params={"session_hash": session}, timeout=120
    ) as events:
        for line in events.iter_lines():
            event = json.loads(line[6:]) if line.startswith("data: ") else {}
            if event.get("msg") == "process_completed":
                return shown if event["success"] else []
            if event.get("msg") == "process_generating":
                for at, value in enumerate(event["output"]["data"][:3]):
                    shown = shown or ["", "", ""]
                    shown[at] = patched(shown[at], value)
    raise AssertionError("the page ended the answer without a word")


def patched(before: str, value: Any) -> str:
    """Gradio sends a text, or what became of it since the last time."""
    if not isinstance(value, list):
        return str(value)
    for action, path, new in value:
        assert not path
        before = before + new if action == "append" else new
    return before


def said(pane: str) -> tuple[str, str]:
    text, weights = re.search(r'data-text="([^"]*)"', pane), re.search(r'data-weights="([^"]*)"', pane)
    assert text and weights, pane
    return text[1], weights[1]


def test_pushed_models_answer_and_only_those_of_the_list(running: Any) -> None:
    url = running.space(SPACE).url
    one, two = ask(url, "ada/one"), ask(url, "ada/two")
    for problem, base, tuned in (one, two):
        assert problem == ""
        assert said(base)[1].startswith("base:") and said(tuned)[1].startswith("fine-tuned:")
        assert said(base)[0] != said(tuned)[0]
    # The same base, kept from one to the other, says the same; the two fine-tunes don't.
    assert said(one[1]) == said(two[1])
    assert said(one[2]) != said(two[2])

    # The one that fails says so, and the next one answers as before.
    assert "ada/empty is no model that writes text" in ask(url, "ada/empty")[0]
    assert "ada/gone is not on the Hub" in ask(url, "ada/gone")[0]
    assert ask(url, "ada/one")[1:] and said(ask(url, "ada/one")[2]) == said(one[2])

    # Whatever is sent past the dropdown, nothing else is looked up.
    for sent in (
        "ada/unlisted-one",
        "../ada/unlisted-two",
        ["ada/unlisted-one"],
        {"repo": "ada/unlisted-two"},
    ):
        ask(url, sent)
    asked = [one.path for one in running.requests if "/ada/" in one.path and one.method in ("GET", "HEAD")]
    assert [path for path in asked if "ada/base" in path] and not [
        path for path in asked if "unlisted" in path
    ]

    # The page holds a token that reads, and writes it nowhere.
    log = running.space(SPACE).run_log.text
    assert running.read_token not in log and running.token not in log and "Signature=" not in log
    assert running.space(SPACE).stage == "RUNNING"


def test_on_zerogpu_the_page_runs_and_answers_as_on_the_cpu_and_asks_for_no_gpu(
    logged_in: Any, made: Path, spaces: Path
) -> None:
    hub = logged_in
    hub.state.accounts["ada"] = replace(hub.state.accounts["ada"], pro=False, can_pay=False)
    hub.image = {
        "HF_RECIPES_INFERENCE_PYTHON": str(environments.ensure("inference", say=print)),
        "PYTHONPATH": str(spaces),
        "OMP_NUM_THREADS": "1",
    }
    hub.put("model", "ada/base", contents(made / "base"))
    hub.put("model", "ada/one", {**contents(made / "one"), "hf_recipes.json": b'{"base_model": "ada/base"}'})
    command = ["space", "deploy", "--models", "ada/one"]
    cli.main(args=command, standalone_mode=False)
    space = hub.space(SPACE)
    assert (space.stage, space.hardware, space.reported) == ("RUNNING", "zero-a10g", True)
    problem, *panes = ask(space.url, "ada/one")
    assert problem == "" and len(panes) == 2, space.run_log.text
    assert not [one.path for one in hub.requests if "/schedule" in one.path]

    cli.main(args=[*command, "--hardware", "cpu-basic"], standalone_mode=False)
    assert space.hardware == "cpu-basic" and not space.reported
    assert [said(pane) for pane in ask(space.url, "ada/one")[1:]] == [said(pane) for pane in panes]
