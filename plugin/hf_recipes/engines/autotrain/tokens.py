"""How AutoTrain 0.8.36 turns rows into tokens, with the base's tokenizer as its trainers set it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.data.columns import trainer_of
from hf_recipes.data.form import Form
from hf_recipes.engines.autotrain.trimming import rule_for
from hf_recipes.engines.preparation import Render
from hf_recipes.engines.trimming import Trimmed

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


def load_tokenizer(base: str, params: Mapping[str, Any], *, trust_remote_code: bool = False) -> Any:
    """The tokenizer that AutoTrain's llm trainer would build from these parameters."""
    from hf_recipes.inference.bounded_template import bounded
    from hf_recipes.inference.tokenizer import pretrained_tokenizer

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
    tokenizer = pretrained_tokenizer(base, trust_remote_code=trust_remote_code, special=extra)
    if template or not tokenizer.chat_template:
        tokenizer.chat_template = template or CHATML
    return bounded(tokenizer)


def token_limit(tokenizer: Any, task: str, params: Mapping[str, Any]) -> int | None:
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
    limit = token_limit(tokenizer, task, params)
    block = params.get("block_size")
    shorter = isinstance(block, int) and 0 < block == limit
    return "params.block_size" if shorter or token_limit(tokenizer, task, {**params, "block_size": None}) != limit else "params.model_max_length"  # fmt: skip


class AutoTrainTokens:
    """For one form of rows and one set of parameters."""

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self._tokenizer, self._form = tokenizer, form
        self._trainer = trainer_of(params) if form.task == "lm_training" else ""
        self._zephyr = params.get("chat_template") == "zephyr"
        self.packed = self._trainer in ("sft", "default")
        self.special_tokens = self._trainer not in ("dpo", "orpo")
        self.limit = token_limit(tokenizer, form.task, params)
        self.limited_by = limited_by(tokenizer, form.task, params)
        longest = longest_of(tokenizer, params) if form.task == "lm_training" else 0
        self._trim = rule_for(form.task, self._trainer, params, self.limit, self.limited_by, longest)

    def trim(self, lengths: Sequence[int]) -> Trimmed:
        return self._trim(lengths)

    def texts(self, record: Mapping[str, Any], rendered: Render) -> list[str]:
        if self._form.conversations:
            return [rendered(self._form.messages(record))]
        if self._trainer in ("dpo", "orpo"):
            return self._pair(record, rendered)
        texts = []
        for column in self._form.columns:
            value = record[column.name]
            if column.kind == "messages":
                texts.append(rendered(value))
            elif column.kind == "texts":
                texts.append(" ".join(value))
            elif column.kind == "text":
                texts.append(value)
        return texts

    def lengths(self, ids: Sequence[Sequence[int]]) -> list[int]:
        if not self.special_tokens:
            return self._of_pair(ids)
        return [len(text) + (1 if self.packed else 0) for text in ids]

    def _pair(self, record: Mapping[str, Any], rendered: Render) -> list[str]:
        """With a chat template AutoTrain renders each last turn alone, and as the prompt what stands before the chosen one."""
        chosen, rejected, prompt = (record[column.name] for column in self._form.columns)
        if self._form.columns[0].kind != "messages":
            return [prompt, chosen, rejected]
        before = chosen[:-1]
        if self._zephyr and chosen[0]["role"] != "system":
            before = [{"role": "system", "content": ""}, *before]
        return [
            rendered(before) if before else "",
            rendered(chosen[-1:]),
            rendered(rejected[-1:]),
        ]

    def _of_pair(self, ids: Sequence[Sequence[int]]) -> list[int]:
        """DPOTrainer adds an end token to each answer, ORPOTrainer where there is none, and a first token to the prompt."""
        prompt, *answers = ids
        first, end = self._tokenizer.bos_token_id, self._tokenizer.eos_token_id
        if self._trainer == "dpo":
            return [len(prompt), *(len(answer) + 1 for answer in answers)]
        missing = first is not None and list(prompt[:1]) != [first]
        return [len(prompt) + missing, *(len(answer) + (list(answer[-1:]) != [end]) for answer in answers)]
