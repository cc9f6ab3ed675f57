"""Runs in the inference environment: loads from the Hub with transformers and datasets."""

from __future__ import annotations

import json

from datasets import load_dataset
from transformers import AutoConfig, AutoTokenizer


def main() -> None:
    tokenizer = AutoTokenizer.from_pretrained("ada/tiny")
    answer = {
        "model_type": AutoConfig.from_pretrained("ada/tiny").model_type,
        "ids": tokenizer("it is not")["input_ids"],
        "chat": tokenizer.apply_chat_template([{"role": "user", "content": "it"}], tokenize=False),
        "lines": {name: list(rows) for name, rows in load_dataset("ada/lines").items()},
        "table": list(load_dataset("ada/table", split="test")),
        "streamed": list(load_dataset("ada/table", split="test", streaming=True)),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
