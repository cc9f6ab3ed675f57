"""How many tokens the trainer will see, counted with the base's tokenizer as AutoTrain 0.8.36 sets it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.columns import trainer_of
from hf_recipes.data.form import Form
from hf_recipes.inference.bounded_template import bounded
from hf_recipes.inference.chat_template import TemplateRefused, frame_of, render
from hf_recipes.inference.trimming import WHAT, Trim, Trimmed, rule_for
from hf_recipes.steps.prepare.first_pass import Seen

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
ANSWER_ROWS = 2000
"""Rows of which the tokens of the answers are counted apart: enough for a share."""


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
        longest = longest_of(tokenizer, params)
        block = params.get("block_size")
        if not isinstance(block, int) or block <= 0:
            return min(longest, DEFAULT_BLOCK)
        return min(block, longest)
    if task == "text_extractive_question_answering":
        return None  # a long context is read in windows that overlap
    length = params.get("max_seq_length")
    return length if isinstance(length, int) else None


def longest_of(tokenizer: Any, params: Mapping[str, Any]) -> int:
    """Tokens at which the llm trainers' tokenizer itself cuts, where it is asked to."""
    longest = int(tokenizer.model_max_length)
    return int(params.get("model_max_length") or LONGEST) if longest > LONGEST else longest


def limited_by(tokenizer: Any, task: str, params: Mapping[str, Any]) -> str:
    """The key of the recipe that `limit_of` comes from."""
    if task != "lm_training":
        return "params.max_seq_length"
    limit = limit_of(tokenizer, task, params)
    block = params.get("block_size")
    shorter = isinstance(block, int) and 0 < block == limit
    return "params.block_size" if shorter or limit_of(tokenizer, task, {**params, "block_size": None}) != limit else "params.model_max_length"  # fmt: skip


class Count:
    """Counts the tokens of training records as they pass by."""

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self.tokenizer = tokenizer
        self._form = form
        self._trainer = trainer_of(params) if form.task == "lm_training" else ""
        self._zephyr = params.get("chat_template") == "zephyr"
        self.packed = self._trainer in ("sft", "default")
        self.limit = limit_of(tokenizer, form.task, params)
        self.limited_by = limited_by(tokenizer, form.task, params)
        longest = longest_of(tokenizer, params) if form.task == "lm_training" else 0
        self.trim = rule_for(form.task, self._trainer, params, self.limit, self.limited_by, longest)
        self.frame = AnswerFrame()
        """What the template writes around answers; the trainer renders with its options."""
        self.reasoning: tuple[str, str] | None = None
        """What opens and closes the reasoning that most answers begin with."""
        self._waiting: list[list[str]] = []
        self._answers: list[str] = []
        self._trims: Counter[Trim] = Counter()
        self.rows = self.total = self.longest = self.cut = self._kept = self._left_out = 0
        self._answer_rows = self._answer_tokens = self._answer_total = 0

    def learn(self, seen: Seen) -> None:
        """What the first look at the training rows has shown, before they are added."""
        if self._form.conversations:
            self.reasoning = seen.reasoning
            self.frame = frame_of(self.tokenizer, seen.reasoning)

    def add(self, record: Mapping[str, Any]) -> None:
        self._waiting.append(self.texts(record))
        if self._form.conversations and self._answer_rows < ANSWER_ROWS:
            self._answer_rows += 1
            self._answers += [
                one["content"] for one in self._form.messages(record) if one["role"] == "assistant"
            ]
        if len(self._waiting) >= BATCH:
            self._flush()

    def texts(self, record: Mapping[str, Any]) -> list[str]:
        """The texts of a record as the trainer's tokenizer gets them: of a preference pair prompt, chosen and rejected."""
        if self._form.conversations:
            return [self.rendered(self._form.messages(record))]
        if self._trainer in ("dpo", "orpo"):
            return self._pair(record)
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

    def _pair(self, record: Mapping[str, Any]) -> list[str]:
        """With a chat template AutoTrain renders each last turn alone, and as the prompt what stands before the chosen one."""
        chosen, rejected, prompt = (record[column.name] for column in self._form.columns)
        if self._form.columns[0].kind != "messages":
            return [prompt, chosen, rejected]
        before = chosen[:-1]
        if self._zephyr and chosen[0]["role"] != "system":
            before = [{"role": "system", "content": ""}, *before]
        return [
            self.rendered(before) if before else "",
            self.rendered(chosen[-1:]),
            self.rendered(rejected[-1:]),
        ]

    def rendered(self, messages: Sequence[Mapping[str, str]]) -> str:
        try:
            return render(self.tokenizer, messages, **self.frame.options)
        except TemplateRefused:
            return ""  # rules/template_refusals.py says it

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text of one record, with those that the trainer adds."""
        return next(self.lengths_of([texts]), [])

    def lengths_of(self, rows: Sequence[Sequence[str]]) -> Iterator[list[int]]:
        """As `lengths`, of many records at once."""
        flat = [text for texts in rows for text in texts]
        pairs = self._trainer in ("dpo", "orpo")
        found = iter(self._ids(flat, special=not pairs))
        for texts in rows:
            ids = [next(found) for _ in texts]
            yield self._of_pair(ids) if pairs else [len(one) + (1 if self.packed else 0) for one in ids]

    def _of_pair(self, ids: Sequence[Sequence[int]]) -> list[int]:
        """DPOTrainer adds an end token to each answer, ORPOTrainer where there is none, and a first token to the prompt."""
        prompt, *answers = ids
        first, end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        if self._trainer == "dpo":
            return [len(prompt), *(len(one) + 1 for one in answers)]
        missing = first is not None and list(prompt[:1]) != [first]
        return [len(prompt) + missing, *(len(one) + (list(one[-1:]) != [end]) for one in answers)]

    def _ids(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        if not texts:
            return []
        made = self.tokenizer(list(texts), add_special_tokens=special, truncation=False, verbose=False)
        return list(made["input_ids"])

    def is_cut(self, lengths: Sequence[int]) -> bool:
        """Whether the trainer does not keep this example whole. A packed one that is longer than a block is
        spread over several: no token is lost, but the model never sees all of it at once."""
        return bool(self.trim(lengths).trims)

    def count(self, lengths: Sequence[int]) -> Trimmed:
        """Takes the lengths of one more record into what `trims` and `seen` say; returns what is kept of it."""
        trimmed = self.trim(lengths)
        self.rows += 1
        self.total += sum(lengths)
        self.cut += bool(trimmed.trims)
        self._kept += trimmed.kept
        self._trims.update(trimmed.trims)
        self._left_out += any(one.code == "left-out" for one in trimmed.trims)
        return trimmed

    def trims(self) -> list[dict[str, Any]]:
        """Each way in which rows are trimmed: code, key, limit, rows, and what happens to them, in words. Empty for packed ones."""
        if self.packed:
            return []
        return [
            {"code": trim.code, "key": trim.key, "limit": trim.limit, "rows": rows, "what": WHAT[trim.code]}
            for trim, rows in self._trims.items()
        ]

    def result(self) -> dict[str, Any]:
        """train_total, mean, max, kept (tokens that one epoch sees), examples (what a batch is made of), cut (rows that are not
        kept whole), trims, and limit. When examples are packed, also `blocks`, the examples that the trainer makes of them,
        `left_over`, the tokens after the last, and, of conversations, `answer_share` of the tokens."""
        self._flush()
        found: dict[str, Any] = {
            "train_total": self.total,
            "mean": round(self.total / self.rows, 1) if self.rows else 0.0,
            "max": self.longest,
            "cut": self.cut,
            "limit": self.limit,
            "kept": self._kept,
            "examples": self.rows - self._left_out,
        }
        if not self.packed:
            found["trims"] = self.trims()
        if self.packed and self.limit:
            found["blocks"], found["left_over"] = divmod(self.total, self.limit)
            found["kept"], found["examples"] = found["blocks"] * self.limit, found["blocks"]
        if self._form.task == "text_extractive_question_answering":
            del found["examples"]  # a row becomes as many as it has windows
        if self._answer_total:
            found["answer_share"] = round(self._answer_tokens / self._answer_total, 4)
        return found

    def _flush(self) -> None:
        if not self._waiting:
            return
        asked = self._answer_rows - self.rows
        for place, lengths in enumerate(self.lengths_of(self._waiting)):
            self.count(lengths)
            self.longest = max(self.longest, *lengths)
            self._answer_total += sum(lengths) if place < asked else 0
        self._answer_tokens += sum(map(len, self._ids(self._answers, special=False)))
        self._answers.clear()
        self._waiting.clear()
