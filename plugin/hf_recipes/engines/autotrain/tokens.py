"""How AutoTrain 0.8.36 turns rows into tokens, with the base's tokenizer as its trainers set it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.columns import trainer_of
from hf_recipes.data.form import Form
from hf_recipes.engines.autotrain.trimming import rule_for
from hf_recipes.engines.chat_tokenizer import CHATML, chat_tokenizer
from hf_recipes.engines.llm_limit import block_limit, block_limited_by, longest_of
from hf_recipes.engines.preparation import Render
from hf_recipes.engines.trimming import Trimmed

# AutoTrain's own template beside CHATML, in the form that renders the same text; a test compares both.
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


def load_tokenizer(base: str, params: Mapping[str, Any], *, trust_remote_code: bool = False) -> Any:
    """The tokenizer that AutoTrain's llm trainer would build from these parameters."""
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
    return chat_tokenizer(base, template, trust_remote_code=trust_remote_code, special=extra)


def token_limit(tokenizer: Any, task: str, params: Mapping[str, Any]) -> int | None:
    """The most tokens of one example that the trainer keeps together; None where nothing is cut."""
    if task == "lm_training":
        return block_limit(tokenizer, params)
    if task == "text_extractive_question_answering":
        return None  # a long context is read in windows that overlap
    length = params.get("max_seq_length")
    return length if isinstance(length, int) else None


def limited_by(tokenizer: Any, task: str, params: Mapping[str, Any]) -> str:
    """The key of the recipe that `token_limit` comes from."""
    return block_limited_by(tokenizer, params) if task == "lm_training" else "params.max_seq_length"


class AutoTrainTokens:
    """For one form of rows and one set of parameters."""

    def __init__(self, tokenizer: Any, form: Form, params: Mapping[str, Any]) -> None:
        self._tokenizer, self._form = tokenizer, form
        self._trainer = trainer_of(params) if form.task == "lm_training" else ""
        self._zephyr = params.get("chat_template") == "zephyr"
        self.packed = self.spread = self._trainer in ("sft", "default")
        self.special_tokens = self._trainer not in ("dpo", "orpo")
        self.limit = token_limit(tokenizer, form.task, params)
        self.limited_by = limited_by(tokenizer, form.task, params)
        longest = longest_of(tokenizer, params) if form.task == "lm_training" else 0
        self._trim = rule_for(form.task, self._trainer, params, self.limit, self.limited_by, longest)

    def trim(self, lengths: Sequence[int]) -> Trimmed:
        return self._trim(lengths)

    def blocks(self, lengths: Sequence[int]) -> int:
        """Rows are joined end to end, and what does not fill the last block is left out."""
        return sum(lengths) // (self.limit or 1)

    def example(self, record: Mapping[str, Any], frame: AnswerFrame) -> None:
        """Every token is learned."""

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
