"""How many tokens the trainer will see, counted with the base's tokenizer as AutoTrain 0.8.36 sets it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.data.columns import trainer_of
from hf_recipes.data.form import Form
from hf_recipes.inference.bounded_template import bounded

# Both templates of AutoTrain's own, in the form that renders the same text; a test compares them.
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ZEPHYR = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
SPECIAL = {
    "chatml": (
        CHATML,
        ["<|im_start|>user", "<|im_start|>assistant", "<|im_start|>system"],
        ("<s>", "<|im_end|>", "<pad>"),
    ),
    "zephyr": (ZEPHYR, ["<|user|>", "<|assistant|>", "<|system|>"], ("<s>", "</s>", "<pad>")),
}
LONGEST = 2048
DEFAULT_BLOCK = 1024
BATCH = 256


def load_tokenizer(base: str, params: Mapping[str, Any], *, trust_remote_code: bool = False) -> Any:
    """The tokenizer that AutoTrain's llm trainer would build from these parameters."""
    from transformers import AutoTokenizer

    extra: dict[str, Any] = {}
    template = None
    if params.get("chat_template") in SPECIAL:
        template, roles, (bos, eos, pad) = SPECIAL[str(params["chat_template"])]
        extra = {
            "bos_token": bos,
            "eos_token": eos,
            "pad_token": pad,
            "additional_special_tokens": [*roles, eos, bos, pad],
        }
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=trust_remote_code, **extra)
    if template or not tokenizer.chat_template:
        tokenizer.chat_template = template or CHATML
    return bounded(tokenizer)


def limit_of(tokenizer: Any, task: str, params: Mapping[str, Any]) -> int | None:
    """The most tokens of one example that the trainer keeps together; None where nothing is cut."""
    if task == "lm_training":
        longest = int(tokenizer.model_max_length)
        if longest > LONGEST:
            longest = int(params.get("model_max_length") or LONGEST)
        block = params.get("block_size")
        if not isinstance(block, int) or block <= 0:
            return min(longest, DEFAULT_BLOCK)
        return min(block, longest)
    if task == "text_extractive_question_answering":
        return None  # a long context is read in windows that overlap
    length = params.get("max_seq_length")
    return length if isinstance(length, int) else None


class Count:
    """Counts the tokens of training records as they pass by."""

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self.tokenizer = tokenizer
        self._form = form
        self._trainer = trainer_of(params) if form.task == "lm_training" else ""
        self.packed = self._trainer in ("sft", "default")
        self.limit = limit_of(tokenizer, form.task, params)
        self._target_limit = params.get("max_target_length") if form.task == "seq2seq" else None
        self._waiting: list[list[str]] = []
        self.rows = self.total = self.longest = self.cut = 0

    def add(self, record: Mapping[str, Any]) -> None:
        self._waiting.append(self.texts(record))
        if len(self._waiting) >= BATCH:
            self._flush()

    def texts(self, record: Mapping[str, Any]) -> list[str]:
        """The texts of a record as the trainer's tokenizer gets them."""
        if self._form.conversations:
            return [self.rendered(self._form.messages(record))]
        texts = []
        for column in self._form.columns:
            value = record[column.name]
            if column.kind == "messages":
                texts.append(self.rendered(value))
            elif column.kind == "texts":
                texts.append(" ".join(value))
            elif column.kind == "text":
                texts.append(value)
        return texts

    def rendered(self, messages: Sequence[Mapping[str, str]]) -> str:
        return str(self.tokenizer.apply_chat_template(list(messages), tokenize=False))

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text; packing adds an end token after each example."""
        if not texts:
            return []
        ids = self.tokenizer(list(texts), add_special_tokens=True, truncation=False, verbose=False)[
            "input_ids"
        ]
        return [len(one) + (1 if self.packed else 0) for one in ids]

    def is_cut(self, lengths: Sequence[int]) -> bool:
        """Whether the trainer keeps this example whole. A packed one that is longer than a block is
        spread over several: no token is lost, but the model never sees all of it at once."""
        if self._target_limit and lengths[-1] > self._target_limit:
            return True
        return self.limit is not None and max(lengths, default=0) > self.limit

    def result(self) -> dict[str, Any]:
        """train_total, mean, max and cut (rows that do not fit in `limit` tokens). When examples are packed,
        also `blocks`, the examples that the trainer makes of them, and `left_over`, the tokens after the last."""
        self._flush()
        found: dict[str, Any] = {
            "train_total": self.total,
            "mean": round(self.total / self.rows, 1) if self.rows else 0.0,
            "max": self.longest,
            "cut": self.cut,
            "limit": self.limit,
        }
        if self.packed and self.limit:
            found["blocks"], found["left_over"] = divmod(self.total, self.limit)
        return found

    def _flush(self) -> None:
        if not self._waiting:
            return
        flat = iter(self.lengths([text for texts in self._waiting for text in texts]))
        for texts in self._waiting:
            lengths = [next(flat) for _ in texts]
            self.rows += 1
            self.total += sum(lengths)
            self.longest = max(self.longest, *lengths)
            self.cut += self.is_cut(lengths)
        self._waiting.clear()
