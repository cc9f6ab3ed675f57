"""The prepared rows as tokens and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_recipes.data.answer_frame import AnswerFrame
from hf_recipes.engines.trl.rows import Rows

NO_LOSS = -100
"""The label of a token that the loss leaves out, as torch has it."""


def read_examples(folder: str, split: str, rows: Rows, frame: AnswerFrame) -> Any:
    """A `datasets.Dataset` with `input_ids` and `labels`, each row as long as its tokens. Rows of which nothing would be learned
    are left out: the prepare step has counted them."""
    from accelerate import PartialState
    from datasets import disable_progress_bars, load_dataset

    disable_progress_bars()

    def tokens(record: Mapping[str, Any]) -> dict[str, list[int]]:
        made = rows.example(record, frame)
        labels = [
            token if learned else NO_LOSS for token, learned in zip(made.ids, made.trained, strict=True)
        ]
        return {"input_ids": made.ids, "labels": labels}

    def learns(example: Mapping[str, Any]) -> bool:
        return any(label != NO_LOSS for label in example["labels"])

    with PartialState().main_process_first():
        read = load_dataset(folder, split=split)
        # No fingerprint of a tokenizer is the same twice: named by hand, the other processes find what the first has made.
        made = read.map(tokens, remove_columns=read.column_names, new_fingerprint=f"tokens-{split}")
        return made.filter(learns, new_fingerprint=f"learned-{split}")
