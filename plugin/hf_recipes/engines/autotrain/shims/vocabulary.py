"""Keeps all the rows of the base's embedding, where HF_RECIPES_VOCABULARY is `whole`.

Many bases (Qwen, Phi, Pythia) have more rows than their tokenizer has tokens. AutoTrain cuts them off, and peft takes the
other size for new words: it writes the whole embedding and the whole output layer into the adapter. Of a 7B model that is 4
GB instead of 160 MB, and whoever answers with it must hold the base twice, which the GPU that it was trained on cannot. The
rows that are cut off are those that no token names.
"""

from __future__ import annotations

import os
from typing import Any


def keep_rows() -> None:
    """Let an embedding grow for new tokens and never shrink."""
    import transformers

    resize = transformers.PreTrainedModel.resize_token_embeddings

    def resize_token_embeddings(
        self: Any, new_num_tokens: int | None = None, *arguments: Any, **more: Any
    ) -> Any:
        embedding = self.get_input_embeddings()
        # DeepSpeed splits it over the GPUs and keeps its size apart.
        height = getattr(embedding.weight, "ds_shape", embedding.weight.shape)[0]
        if new_num_tokens is not None and new_num_tokens <= height:
            return embedding
        return resize(self, new_num_tokens, *arguments, **more)

    transformers.PreTrainedModel.resize_token_embeddings = resize_token_embeddings


def prepare() -> None:
    if os.environ.get("HF_RECIPES_VOCABULARY") == "whole":
        keep_rows()
