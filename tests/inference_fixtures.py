"""Small real models, made on the spot, and runs to use them in."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = tempfile.TemporaryDirectory()  # `datasets` reads its name on import
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["HF_DATASETS_CACHE"] = CACHE.name

PLUGIN = Path(__file__).resolve().parents[1] / "plugin"
STEPS = {"prepare": "prepare.prepare", "answer": "answer.answer", "verify": "verify"}
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model of 2 layers with a byte-level tokenizer; random weights."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-llama")
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<pad>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(special + alphabet)}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<pad>",
        unk_token="<|endoftext|>",
        model_max_length=2048,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(folder)
    _readable_by_4x(folder, CHAT_TEMPLATE)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=3,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of 2 layers with a WordPiece tokenizer; random weights."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "very", "##s", "the"]
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(words) + "\n")
    BertTokenizerFast(str(vocabulary)).save_pretrained(folder)
    _readable_by_4x(folder, None)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def _readable_by_4x(folder: Path, chat_template: str | None) -> None:
    """transformers 4.48, which trains, wants a tokenizer class that it knows and the template in the config."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    for name in ("backend", "extra_special_tokens"):
        config.pop(name, None)
    if chat_template:
        config["chat_template"] = chat_template
    path.write_text(json.dumps(config))


@pytest.fixture
def make_run(tmp_path: Path):
    """Make the folder of a run with a job.json; the keys that a test does not name take their defaults."""

    def make(**job: object) -> Path:
        run = tmp_path / "run"
        (run / "work").mkdir(parents=True)
        settled = {
            "project_name": "tiny",
            "overrides": {},
            "evaluate": None,
            "trust_remote_code": False,
            **job,
        }
        (run / "job.json").write_text(json.dumps(settled))
        return run

    return make


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    """Run one of our steps in this process; its result, and what it said in the failure file."""
    from hf_recipes.engines.step import run_step

    def run_here(name: str, run: Path) -> tuple[Done, dict[str, str]]:
        failure = run / "failure.json"
        monkeypatch.setenv("HF_RECIPES_FAILURE", str(failure))
        body = getattr(importlib.import_module(f"hf_recipes.steps.{STEPS[name]}"), name)
        capfd.readouterr()
        code = run_step(body, [str(run)])
        said = capfd.readouterr()
        return Done(code, said.out, said.err), json.loads(failure.read_text()) if failure.exists() else {}

    return run_here


@pytest.fixture
def child_step():
    """Run one of our steps as the runner does, in a process of its own."""

    def run_there(name: str, run: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        failure = run / "failure.json"
        done = subprocess.run(
            [sys.executable, "-m", f"hf_recipes.steps.{STEPS[name]}", str(run)],
            cwd=run / "work",
            env={**os.environ, "HF_RECIPES_FAILURE": str(failure)},
            capture_output=True,
            text=True,
        )
        return done, json.loads(failure.read_text()) if failure.exists() else {}

    return run_there


@pytest.fixture(scope="session")
def autotrain_python() -> str:
    """The interpreter that trains."""
    own = os.environ.get("HF_RECIPES_AUTOTRAIN_PYTHON")
    if own:
        return own
    from hf_recipes import environments

    return str(environments.ensure("autotrain", say=print))


@pytest.fixture(scope="session")
def train(autotrain_python: str):
    """Run AutoTrain's trainer of a task on a prepared run, as the job's train step does."""

    def launch(module: str, run: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(
                    autotrain_python,
                    "-m",
                    "accelerate.commands.launch",
                    "--cpu",
                    "-m",
                    f"autotrain.trainers.{module}",
                ),
                *("--training_config", "tiny/training_params.json"),
            ],
            cwd=run / "work",
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                "HF_DATASETS_CACHE": str(run / "cache"),
                "PAUSE_ON_FAILURE": "0",
                "ALLOW_REMOTE_CODE": "false",
            },
            capture_output=True,
            text=True,
        )

    return launch
