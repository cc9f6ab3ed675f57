"""In the inference interpreter: conversations as the base's chat template writes them, nothing cut, one settings file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.data.form import Form
from hf_recipes.engines.preparation import PreparedData, Render, TokenRules
from hf_recipes.engines.trimming import Trimmed
from hf_recipes.inference.tokenizer import pretrained_tokenizer
from hf_recipes.runner.files import write_json


class Whole:
    packed = spread = False
    limit = None
    limited_by = ""
    special_tokens = True

    def __init__(self, form: Form) -> None:
        self._form = form

    def texts(self, record: Mapping[str, Any], rendered: Render) -> list[str]:
        return [rendered(self._form.messages(record))]

    def lengths(self, ids: Sequence[Sequence[int]]) -> list[int]:
        return [len(text) for text in ids]

    def blocks(self, lengths: Sequence[int]) -> int:
        raise AssertionError("nothing is packed")

    def example(self, record: Mapping[str, Any], frame: AnswerFrame) -> None:
        """Every token is learned."""

    def trim(self, lengths: Sequence[int]) -> Trimmed:
        return Trimmed(sum(lengths))


def load_tokenizer(base: str, params: Mapping[str, Any], *, trust_remote_code: bool) -> Any:
    return pretrained_tokenizer(base, trust_remote_code=trust_remote_code, special={})


def token_rules(tokenizer: Any, form: Form, params: Mapping[str, Any]) -> TokenRules:
    return Whole(form)


def held_out(task: str) -> float:
    return 0.0


def write_settings(
    work: Path, project_name: str, task: str, params: Mapping[str, Any], prepared: PreparedData
) -> None:
    write_json(work / "settings.json", {"base": prepared.base, "data": prepared.path})
