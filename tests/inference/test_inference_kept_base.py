"""A base that goes from one pair to the next: it says what it said, and the next model says what it says alone."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from hf_recipes.inference.pair import Pair, load_pair

CONVERSATIONS = [[{"role": "user", "content": text}] for text in ("3 tsp. rolled oats", "flaky salt")]


def adapter(base: Path, folder: Path, seed: int, **config: Any) -> Path:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **config),
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    return folder


def full(base: Path, folder: Path) -> Path:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(9)
    for weight in model.model.layers.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    model.save_pretrained(folder)
    return folder


def texts(pair: Pair, model: Any) -> list[str]:
    return [one.text for one in pair.answer(CONVERSATIONS, model=model, max_new_tokens=16)]


def likely(pair: Pair) -> torch.Tensor:
    """The base's logits: a base of two layers says the same to much, and these are never the same by chance."""
    side = pair.side("base")
    with side.alone(), torch.inference_mode():
        logits: torch.Tensor = side.model(input_ids=torch.tensor([[5, 50, 100]])).logits
    return logits


@pytest.fixture(scope="module")
def models(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "lora": adapter(tiny_llama, folder / "lora", 1),
        "other": adapter(tiny_llama, folder / "other", 2),
        "heavy": adapter(tiny_llama, folder / "heavy", 3, modules_to_save=["lm_head"]),
        "full": full(tiny_llama, folder / "full"),
    }


@pytest.mark.parametrize("first", ["lora", "heavy", "full"])
@pytest.mark.parametrize("second", ["other", "heavy", "full"])
def test_a_kept_base_is_the_base(tiny_llama: Path, models: dict[str, Path], first: str, second: str) -> None:
    alone = load_pair(str(tiny_llama), models[second])
    expected = {which: texts(alone, which) for which in ("base", "fine-tuned")}
    before = load_pair(str(tiny_llama), models[first])
    texts(before, "fine-tuned")
    with warnings.catch_warnings():
        # What peft says about a model that still has another adapter in it.
        warnings.filterwarnings("error", message=".*(second time|peft_config).*")
        kept = before.base_alone()
        del before
        after = load_pair(str(tiny_llama), models[second], base_model=kept)
    assert {which: texts(after, which) for which in ("base", "fine-tuned")} == expected
    assert expected["base"] != expected["fine-tuned"]
    assert torch.equal(likely(after), likely(alone))
    assert after.base_weights == alone.base_weights
