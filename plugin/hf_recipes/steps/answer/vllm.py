"""`evaluate.runtime: vllm`: base and fine-tuned model answered by `vllm serve`, a process of its own on this machine.

One server holds the base with the adapter beside it (multi-LoRA). A whole fine-tuned model gets a server after the
base's has ended, since a GPU seldom holds both. Prompts go as tokens, made by each side's own tokenizer, and end tokens
are named: what is asked is to the token what the transformers runtime asks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from hf_recipes.inference.answerer import GeneratedAnswer
from hf_recipes.inference.chat_template import end_texts, frame_of, split_answer
from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.inference.generation import end_tokens
from hf_recipes.inference.loading import load_tokenizer, model_folder, positions
from hf_recipes.inference.sides import Conversation, Which, encode
from hf_recipes.runner.causes import StepFailed
from hf_recipes.steps.answer.endpoint import ReferenceEndpoint

PYTHON = "HF_RECIPES_VLLM_PYTHON"
"""Names an interpreter that vLLM is installed in. Without it the one of this step must have it."""
OURS_ALONE = ("PYTHONPATH", "VLLM_API_KEY", "VLLM_PORT")
"""Variables that vLLM must not find: our modules, a key that it would ask us for, a port of another one."""
READY_WITHIN = 1800.0
"""Seconds for loading the weights and compiling; a 70B model from a slow disk takes a quarter of an hour."""
ENDS_WITHIN = 20.0
ROOM = 8192
"""Tokens that a prompt and its answer may have at the least. vLLM starts only where the GPU has room for one request as long as
may come, which by itself is as long as the model knows: 16 GiB for Llama 3.1 8B, beside 16 for its weights."""
MANY = 1 << 62
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM's --max-lora-rank takes (vllm/config/lora.py), beside 1."""
ERROR = re.compile(r"\b\w+(?:Error|OutOfMemory)\b: ")
QUESTION = "import importlib.util, sys; sys.exit(importlib.util.find_spec('vllm') is None)"


def vllm_python() -> str:
    """The interpreter that has vLLM. Raises StepFailed with what to do where none has."""
    named = os.environ.get(PYTHON)
    python = shutil.which(Path(named).expanduser()) if named else sys.executable
    if python is not None:
        try:
            if (
                subprocess.run([python, "-c", QUESTION], capture_output=True, timeout=120, cwd="/").returncode
                == 0
            ):
                return python
        except (OSError, subprocess.TimeoutExpired):
            pass
    where = (
        f"in {named}, which {PYTHON} names" if named else f"here; set {PYTHON} to an interpreter that has it"
    )
    raise StepFailed(
        "evaluation_failed",
        f"evaluate.runtime: vLLM is not installed {where}, or use runtime: transformers",
    )


class Vllm:
    """Answers like a Pair, from a server that is started when it is first needed and ended by `close`."""

    def __init__(
        self,
        base: str,
        model_dir: Path,
        log: Path,
        *,
        trust_remote_code: bool,
        say: Callable[[str], None],
        reasoning: tuple[str, str] | None = None,
    ) -> None:
        """Raises StepFailed where there is no vLLM, ModelUnavailable."""
        self._python = vllm_python()
        self._base, self._model_dir, self._log, self._say = base, model_dir, log, say
        self._trust = trust_remote_code
        self._adapter = (model_dir / "adapter_config.json").is_file()
        # As in load_pair: a fine-tuned model that brings no tokenizer speaks with the base's.
        own = (model_dir / "tokenizer_config.json").is_file()
        base_tokenizer = load_tokenizer(base, trust_remote_code)
        tuned_tokenizer = load_tokenizer(str(model_dir), trust_remote_code) if own else base_tokenizer
        base_tokenizer.chat_template = base_tokenizer.chat_template or tuned_tokenizer.chat_template
        self._tokenizers = {"base": base_tokenizer, "fine-tuned": tuned_tokenizer}
        self._frames = {
            which: frame_of(tokenizer, reasoning) for which, tokenizer in self._tokenizers.items()
        }
        self._names = {
            "base": fingerprint(weight_files(model_folder(base))),
            "fine-tuned": fingerprint(weight_files(model_dir)),
        }
        self.base_weights = f"base:served/{self._names['base']}"
        self.tuned_weights = f"fine-tuned:served/{self._names['fine-tuned']}"
        self._positions = positions(base, trust_remote_code) or MANY
        self._room = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._serves: tuple[str, ...] = ()
        self._sides: dict[str, ReferenceEndpoint] = {}

    def count(self, messages: Conversation) -> int:
        """Tokens of the prompt, chat template and generation prompt included."""
        return len(encode(self._tokenizers["fine-tuned"], messages, self._frames["fine-tuned"]))

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        model: Which,
        max_new_tokens: int,
        batch_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[GeneratedAnswer]:
        """vLLM batches the `batch_size` requests under way itself. Raises EndpointFailed, StepFailed."""
        tokenizer = self._tokenizers[model]
        prompts = [encode(tokenizer, conversation, self._frames[model]) for conversation in conversations]
        longest = min(max(map(len, prompts), default=0) + max_new_tokens, self._positions)
        if model not in self._serves or longest > self._room:
            self.close()
            self._room = min(max(ROOM, longest), self._positions)
            self._start(model)
        answers = self._sides[model].complete(
            prompts,
            weights=self.base_weights if model == "base" else self.tuned_weights,
            max_new_tokens=max_new_tokens,
            at_once=batch_size,
            extra={"stop_token_ids": self._ends(model)},
            progress=progress,
        )
        frame, ends = self._frames[model], end_texts(tokenizer)
        return [replace(answer, text=split_answer(answer.text, frame, ends).answer) for answer in answers]

    def close(self) -> None:
        """End the server. It belongs to this process's group, so that the runner ends it too."""
        for side in self._sides.values():
            side.close()
        self._sides, self._serves = {}, ()
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ends(self, model: str) -> list[int]:
        from transformers import GenerationConfig

        whole = model == "fine-tuned" and not self._adapter
        try:
            config = GenerationConfig.from_pretrained(str(self._model_dir) if whole else self._base)
        except OSError:  # a model without that file
            config = None
        return sorted(end_tokens(SimpleNamespace(generation_config=config), self._tokenizers[model]))

    def _start(self, model: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        whole = model == "fine-tuned" and not self._adapter
        self._serves = ("fine-tuned",) if whole else ("base", "fine-tuned") if self._adapter else ("base",)
        command = [self._python, "-m", "vllm.entrypoints.cli.main", "serve"]
        command += [str(self._model_dir) if whole else self._base]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        command += ["--served-model-name", self._names["fine-tuned" if whole else "base"]]
        # The model's own sampling settings (a repetition penalty, say) are not what the other runtime does.
        command += ["--generation-config", "vllm", "--max-model-len", str(self._room)]
        if self._adapter:
            command += ["--enable-lora", "--max-lora-rank", str(self._rank())]
            command += ["--lora-modules", f"{self._names['fine-tuned']}={self._model_dir}"]
        if self._trust:
            command.append("--trust-remote-code")
        quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
        environment = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment, **quiet},
            )
        self._wait(port)
        for which in self._serves:
            self._sides[which] = ReferenceEndpoint(
                "evaluate.runtime: vllm", f"http://127.0.0.1:{port}/v1", self._names[which]
            )

    def _rank(self) -> int:
        config = json.loads((self._model_dir / "adapter_config.json").read_text("utf-8"))
        rank = max([int(config.get("r") or 0), *map(int, (config.get("rank_pattern") or {}).values())])
        return next((known for known in RANKS if known >= rank), rank)

    def _wait(self, port: int) -> None:
        assert self._process is not None
        self._say("vLLM is loading the model")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self._failed(f"ended with {self._process.returncode} before it answered")
            try:
                with opener.open(f"http://127.0.0.1:{port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.5)
        self.close()
        raise self._failed(f"was not ready within {READY_WITHIN / 60:.0f} minutes")

    def _failed(self, what: str) -> StepFailed:
        lines = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        # The server's last line only says that its engine failed; the engine's own message is above it.
        errors = [line for line in lines if ERROR.search(line) and "Engine core init" not in line]
        said = f": {(errors or lines)[-1].strip()[:300]}" if lines else ""
        return StepFailed(
            "evaluation_failed", f"evaluate.runtime: vllm serve {what}{said} (work/{self._log.name})"
        )
