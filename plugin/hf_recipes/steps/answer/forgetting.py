"""Did training cost what the base knew before? The likelihood of general text, by the base and by the fine-tuned model."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from hf_recipes.inference.likelihood import text_nll
from hf_recipes.runner.files import write_json
from hf_recipes.steps.answer.recording import FORGETTING


def general_texts() -> list[str]:
    """The passages that we ship, about twenty in several registers and languages: written for this, in no data set."""
    whole = (files("hf_recipes.steps.answer") / "forgetting.txt").read_text(encoding="utf-8")
    return [text.strip() for text in re.split(r"\n\n(?=\S)", whole) if text.strip()]


def measure_forgetting(pair: Any, answers: Path) -> None:
    """Write answers/forgetting.json: nats and tokens a text, the same tokens for both models."""
    texts = general_texts()
    found = {which: text_nll(pair, texts, model=which) for which in ("base", "fine-tuned")}
    counts = [tokens for _, tokens in found["base"]]
    weights = {"base": pair.base_weights, "fine-tuned": pair.tuned_weights}
    sides = {
        which: {"nll": [round(nats, 4) for nats, _ in item], "weights": weights[which]}
        for which, item in found.items()
    }
    write_json(
        answers / FORGETTING,
        {"texts": len(texts), "tokens": sum(counts), "text_tokens": counts, **sides},
    )
