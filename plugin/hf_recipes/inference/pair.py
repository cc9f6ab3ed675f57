"""The base and the fine-tuned model, loaded as one pair, and who of the two says what.

A LoRA adapter is laid over base weights that are loaded once and never merged into: the base stays, bit for bit,
what it was. Anything else (a full fine-tune, an adapter that brings whole layers) is loaded beside its base.
Every answer carries the fingerprint of the weights that made it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# Read by the OpenMP library when torch loads it. A thread that waits gives its core away: beside other busy
# processes a step was measured 5 times faster, and alone no slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.inference.generating import decode, end_tokens

Which = Literal["base", "fine-tuned"]
Conversation = Sequence[Mapping[str, str]]
NO_ADAPTER = "__base__"
ADAPTER = "default"


class ModelUnavailable(OSError):
    """A model of the pair cannot be loaded; the message is one sentence."""


class PromptTooLong(ValueError):
    """A prompt and its answer do not fit into the positions that the model knows."""


@dataclass(frozen=True)
class Answer:
    text: str
    prompt_tokens: int
    completion_tokens: int
    """The end token counts: it was generated too."""
    seconds: float
    """Wall time of its batch, divided by the rows in it."""
    weights: str
    """`base:` or `fine-tuned:`, and the fingerprint."""


@dataclass(frozen=True)
class Delta:
    """How far one model of the pair is."""

    model: Which
    text: str
    """All of it so far."""
    tokens: int
    seconds: float
    """Since the question was asked."""
    first_token_seconds: float | None
    done: bool
    weights: str


@dataclass(frozen=True)
class Side:
    """One of the two: where its weights are, and which of them it uses."""

    which: Which
    model: Any
    tokenizer: Any
    adapter: str | None
    """The adapter on a shared model, NO_ADAPTER for none; None: the model is this side's alone."""
    weights: str
    ends: frozenset[int]


class Pair:
    def __init__(self, base: Side, tuned: Side | None) -> None:
        self._sides: dict[str, Side] = {side.which: side for side in (base, tuned) if side is not None}
        self._lock = threading.Lock()
        self.tokenizer = (tuned or base).tokenizer
        self.device = base.model.device
        self.base_weights = base.weights
        self.tuned_weights = tuned.weights if tuned is not None else None
        self.shared = tuned is not None and tuned.model is base.model
        """Whether both use the same base weights in memory."""

    def count(self, messages: Conversation) -> int:
        """Tokens of the prompt, chat template and generation prompt included."""
        return len(_encode(self.tokenizer, messages))

    def answer(
        self,
        conversations: Sequence[Conversation],
        *,
        model: Which,
        max_new_tokens: int,
        batch_size: int = 64,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Answer]:
        """Greedy answers of one model, in the order of the conversations. Raises PromptTooLong."""
        side = self._side(model)
        prompts = [_encode(side.tokenizer, one) for one in conversations]
        for prompt in prompts:
            _check_length(side, prompt, max_new_tokens)
        # Like lengths together: a batch is as wide as its longest prompt.
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
        answers: dict[int, Answer] = {}
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            with self._lock:
                answers.update(self._batch(side, {place: prompts[place] for place in places}, max_new_tokens))
            if progress is not None:
                progress(len(answers), len(prompts))
        return [answers[place] for place in range(len(prompts))]

    def stream(
        self, messages: Conversation, *, max_new_tokens: int, stop: threading.Event
    ) -> Iterator[Delta]:
        """Both models answer the same messages; a Delta for each new token of each, and one with `done` for each.

        `stop` ends it after the step under way. Raises PromptTooLong before the first Delta.
        """
        sides = [self._side(which) for which in ("base", "fine-tuned") if which in self._sides]
        prompts = [_encode(side.tokenizer, messages) for side in sides]
        for side, prompt in zip(sides, prompts, strict=True):
            _check_length(side, prompt, max_new_tokens)
        with self._lock:
            started = time.perf_counter()
            panes = [_Pane(side, started) for side in sides]
            for new in self._steps(sides, prompts, max_new_tokens):
                for row, token in new.items():
                    yield panes[row].add(token, max_new_tokens)
                if stop.is_set():
                    break
            for pane in panes:
                if not pane.done:
                    yield pane.end()

    def _side(self, which: Which) -> Side:
        if which not in self._sides:
            raise ModelUnavailable(f"the {which} model is not loaded")
        return self._sides[which]

    def _steps(
        self, sides: Sequence[Side], prompts: Sequence[list[int]], max_new_tokens: int
    ) -> Iterator[dict[int, int]]:
        if self.shared:
            yield from decode(
                sides[0].model,
                prompts,
                ends=sides[0].ends | sides[1].ends,
                pad=_pad(sides[0].tokenizer),
                max_new_tokens=max_new_tokens,
                adapters=[str(side.adapter) for side in sides],
            )
            return
        # Two models in memory take turns, a step each, so that neither pane stands still while the other is filled.
        turns = {
            row: decode(
                side.model, [prompt], ends=side.ends, pad=_pad(side.tokenizer), max_new_tokens=max_new_tokens
            )
            for row, (side, prompt) in enumerate(zip(sides, prompts, strict=True))
        }
        while turns:
            for row, steps in list(turns.items()):
                new = next(steps, None)
                if new is None:
                    del turns[row]
                else:
                    yield {row: new[0]}

    def _batch(self, side: Side, prompts: Mapping[int, list[int]], max_new_tokens: int) -> dict[int, Answer]:
        started = time.perf_counter()
        tokens: list[list[int]] = [[] for _ in prompts]
        # Without the adapter the layers are the base's own, and nothing is spent on looking which row wants what.
        without = side.model.disable_adapter() if side.adapter == NO_ADAPTER else nullcontext()
        with without:
            for new in decode(
                side.model,
                list(prompts.values()),
                ends=side.ends,
                pad=_pad(side.tokenizer),
                max_new_tokens=max_new_tokens,
            ):
                for row, token in new.items():
                    tokens[row].append(token)
        seconds = (time.perf_counter() - started) / len(prompts)
        return {
            place: Answer(_text(side, one), len(prompts[place]), len(one), seconds, side.weights)
            for place, one in zip(prompts, tokens, strict=True)
        }


class _Pane:
    """What one model has said so far."""

    def __init__(self, side: Side, started: float) -> None:
        self._side = side
        self._started = started
        self._tokens: list[int] = []
        self._first: float | None = None
        self._last = 0.0
        self.done = False

    def add(self, token: int, max_new_tokens: int) -> Delta:
        self._tokens.append(token)
        self._last = time.perf_counter() - self._started
        self._first = self._last if self._first is None else self._first
        self.done = token in self._side.ends or len(self._tokens) >= max_new_tokens
        return self._delta()

    def end(self) -> Delta:
        self.done = True
        return self._delta()

    def _delta(self) -> Delta:
        text = _text(self._side, self._tokens)
        if not self.done:
            text = text.rstrip("\ufffd")  # the first bytes of a character whose others are still to come
        return Delta(
            self._side.which, text, len(self._tokens), self._last, self._first, self.done, self._side.weights
        )


def load_base(base: str, *, trust_remote_code: bool = False, chat_template: str | None = None) -> Pair:
    """A pair of which only "base" answers. `chat_template` is used where the tokenizer brings none.

    Raises ModelUnavailable.
    """
    model, tokenizer = _load(base, trust_remote_code), _load_tokenizer(base, trust_remote_code)
    tokenizer.chat_template = tokenizer.chat_template or chat_template
    return Pair(_base_side(base, model, tokenizer, adapter=None), None)


def load_pair(base: str, model_dir: Path, *, trust_remote_code: bool = False) -> Pair:
    """The base and what was trained from it: an adapter, or a whole model beside it. Raises ModelUnavailable."""
    model_dir = Path(model_dir)
    files = weight_files(model_dir)
    if not files:
        raise ModelUnavailable(f"there are no safetensors weights in {model_dir}")
    base_tokenizer = _load_tokenizer(base, trust_remote_code)
    own = (model_dir / "tokenizer_config.json").is_file()
    tokenizer = _load_tokenizer(str(model_dir), trust_remote_code) if own else base_tokenizer
    base_tokenizer.chat_template = base_tokenizer.chat_template or tokenizer.chat_template
    weights = f"fine-tuned:{fingerprint(files)}"
    base_model = _load(base, trust_remote_code)
    is_adapter = (model_dir / "adapter_config.json").is_file()
    shared = is_adapter and _only_lora(model_dir) and len(tokenizer) <= _rows(base_model)
    if shared:
        base_model = tuned = _with_adapter(base_model, model_dir)
    elif is_adapter:
        tuned = _with_adapter(_resized(_load(base, trust_remote_code), model_dir), model_dir)
    else:
        tuned = _load(str(model_dir), trust_remote_code)
    return Pair(
        _base_side(base, base_model, base_tokenizer, adapter=NO_ADAPTER if shared else None),
        Side(
            "fine-tuned", tuned, tokenizer, ADAPTER if shared else None, weights, end_tokens(tuned, tokenizer)
        ),
    )


def _base_side(base: str, model: Any, tokenizer: Any, *, adapter: str | None) -> Side:
    weights = f"base:{fingerprint(weight_files(_folder(base)))}"
    return Side("base", model, tokenizer, adapter, weights, end_tokens(model, tokenizer))


def _load(source: str, trust_remote_code: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    gpu = torch.cuda.is_available()
    if not gpu and not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(_cores())
    try:
        model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=torch.bfloat16 if gpu else torch.float32,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{source} cannot be loaded: {_first_line(error)}") from None
    return model.to("cuda" if gpu else "cpu").eval()


def _load_tokenizer(source: str, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{source} has no tokenizer that loads: {_first_line(error)}") from None


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel

    try:
        tuned = PeftModel.from_pretrained(
            model, str(folder), adapter_name=ADAPTER, autocast_adapter_dtype=False
        )
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise ModelUnavailable(
            f"the adapter in {folder} does not fit its base: {_first_line(error)}"
        ) from None
    return tuned.to(model.dtype).eval()


def _only_lora(folder: Path) -> bool:
    """Whether the adapter is plain LoRA. One that brings whole layers (resized embeddings, say) would put them
    into the base it shares, and some kinds of adapter cannot be chosen row by row."""
    import json

    from safetensors import safe_open

    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    plain = (
        config.get("peft_type") == "LORA"
        and config.get("bias", "none") == "none"
        and not config.get("use_dora")
    )
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        return bool(plain and all(".lora_" in name for name in file.keys()))  # noqa: SIM118  (no mapping)


def _resized(model: Any, folder: Path) -> Any:
    """A base whose embeddings have as many rows as those that the adapter brings."""
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118  (a handle is no mapping)
            if name.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight")):
                rows = file.get_slice(name).get_shape()[0]
                if rows != _rows(model):
                    model.resize_token_embeddings(rows, mean_resizing=False)
    return model


def _rows(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[0])


def _folder(source: str) -> Path:
    """Where the files of a loaded model are: the folder itself, or a Hub id's snapshot in the cache."""
    if Path(source).is_dir():
        return Path(source)
    from transformers.utils import cached_file

    return Path(str(cached_file(source, "config.json"))).parent


def _encode(tokenizer: Any, messages: Conversation) -> list[int]:
    if not tokenizer.chat_template:
        raise ModelUnavailable(
            "the model's tokenizer has no chat template, so it cannot be asked in messages"
        )
    ids = tokenizer.apply_chat_template(
        [dict(turn) for turn in messages], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    return [int(one) for one in ids]


def _check_length(side: Side, prompt: Sequence[int], max_new_tokens: int) -> None:
    most = getattr(side.model.config.get_text_config(), "max_position_embeddings", None)
    if most is not None and len(prompt) + max_new_tokens > most:
        raise PromptTooLong(
            f"the prompt has {len(prompt):,} tokens; with {max_new_tokens:,} for the answer that is more than the"
            f" {most:,} that the {side.which} model takes"
        )


def _text(side: Side, tokens: Sequence[int]) -> str:
    return str(
        side.tokenizer.decode([one for one in tokens if one not in side.ends], skip_special_tokens=True)
    )


def _pad(tokenizer: Any) -> int:
    """Padding is masked, so any token will do."""
    return int(tokenizer.pad_token_id or 0)


def _cores() -> int:
    """Physical cores that this process may use: a second thread on a core only waits for the first."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or usable, usable))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
