"""Many prompts at once give what transformers' `generate` gives each of them alone, token by token."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.inference import kv_cache
from hf_recipes.inference.answer_cache import NAME, AnswerCache, key
from hf_recipes.inference.batches import Batches
from hf_recipes.inference.generation import decode
from hf_recipes.inference.pair import Pair, load_base, load_pair

NEW = 16
SHOTS = [
    turn
    for number in range(3)
    for turn in (
        {"role": "user", "content": f"{number} cups of flour"},
        {"role": "assistant", "content": f"flour {number}"},
    )
]
LINES = [
    "salt",
    "3 tsp. rolled oats",
    "1 can of beans, drained",
    "a",
    "half a lemon",
    "1 tin",
    "two eggs, beaten",
]
ASKED = [[*SHOTS, {"role": "user", "content": line}] for line in LINES]


@pytest.fixture(scope="module")
def adapter(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(2)
    tuned = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_llama),
        LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    tuned.save_pretrained(folder)
    return folder


def generated(
    base: Path, adapter: Path | None, prompts: list[list[int]], ends: frozenset[int]
) -> list[list[int]]:
    """Nothing of ours: one row at a time."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    said = []
    for prompt in prompts:
        ids = torch.tensor([prompt])
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=NEW,
            do_sample=False,
            eos_token_id=sorted(ends),
            pad_token_id=3,
        )
        said.append([int(one) for one in made[0, len(prompt) :]])
    return said


def answered(pair: Pair, which: Any, prompts: list[list[int]], batch_size: int) -> list[list[int]]:
    batches = Batches(pair.side(which), ["x"], AnswerCache(None), pair._prefixes)
    return [one.tokens for one in batches.answers(prompts, NEW, batch_size, lambda done, total: None)]


def tokens(pair: Pair) -> list[list[int]]:
    return [
        list(pair.tokenizer.apply_chat_template(one, add_generation_prompt=True)["input_ids"])
        for one in ASKED
    ]


def test_base_and_adapter_say_token_by_token_what_generate_says(tiny_llama: Path, adapter: Path) -> None:
    pair = load_pair(str(tiny_llama), adapter)
    prompts = tokens(pair)
    ends = pair.side("base").ends
    expected = {
        "base": generated(tiny_llama, None, prompts, ends),
        "fine-tuned": generated(tiny_llama, adapter, prompts, ends),
    }
    assert expected["base"] != expected["fine-tuned"]
    for which, said in expected.items():
        for batch_size in (1, 3, 64):
            assert answered(pair, which, prompts, batch_size) == said
        # It did compute the beginning apart, and each model its own.
        assert len(pair._prefixes[which].tokens) > 100
    base, tuned = (pair._prefixes[which].layers[-1][0] for which in expected)
    assert not base.allclose(tuned)


def test_the_beginning_is_computed_once_for_all_calls_that_share_it(
    tiny_llama: Path, monkeypatch: Any
) -> None:
    pair = load_base(str(tiny_llama))
    computed: list[int] = []
    real = kv_cache.prefix_of
    monkeypatch.setattr(
        kv_cache, "prefix_of", lambda model, tokens: computed.append(len(tokens)) or real(model, tokens)
    )
    pair.answer(ASKED[:3], model="base", max_new_tokens=2)
    pair.answer(ASKED[3:], model="base", max_new_tokens=2)
    assert len(computed) == 1
    another = [[*SHOTS[:2], one[-1]] for one in ASKED]  # as another method asks
    pair.answer(another, model="base", max_new_tokens=2)
    assert len(computed) == 2


def test_a_batch_is_as_large_as_its_memory_allows(tiny_llama: Path, monkeypatch: Any) -> None:
    pair = load_base(str(tiny_llama))
    whole = [one.text for one in pair.answer(ASKED, model="base", max_new_tokens=NEW)]
    longest = max(map(len, tokens(pair))) + NEW
    each = kv_cache.CACHE_BYTES // kv_cache.tokens_that_fit(pair.side("base").model)
    monkeypatch.setattr(kv_cache, "CACHE_BYTES", each * longest * 2)
    widths: list[int] = []
    from hf_recipes.inference import batches

    def watched(model: Any, prompts: Any, **more: Any) -> Any:
        widths.append(len(prompts))
        return decode(model, prompts, **more)

    monkeypatch.setattr(batches, "decode", watched)
    assert [one.text for one in pair.answer(ASKED, model="base", max_new_tokens=NEW)] == whole
    assert widths[0] == 2 and max(widths) <= 3 and sum(widths) == len(ASKED)


def test_a_model_with_a_sliding_window_shares_nothing_and_says_the_same(
    tmp_path: Path, tiny_llama: Path
) -> None:
    import torch
    from transformers import AutoTokenizer, MistralConfig, MistralForCausalLM

    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(tmp_path)
    torch.manual_seed(5)
    config = MistralConfig(
        vocab_size=260, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, sliding_window=24, eos_token_id=2, pad_token_id=3,
    )  # fmt: skip
    MistralForCausalLM(config).save_pretrained(tmp_path)
    pair = load_base(str(tmp_path))
    assert not kv_cache.fits(pair.side("base").model)
    prompts = tokens(pair)
    assert answered(pair, "base", prompts, 64) == generated(tmp_path, None, prompts, pair.side("base").ends)
    assert pair._prefixes == {}


def test_answers_are_kept_by_weights_prompt_and_length(
    tiny_llama: Path, adapter: Path, tmp_path: Path
) -> None:
    pair = load_pair(str(tiny_llama), adapter)
    pair.cache = AnswerCache(tmp_path)
    first = pair.answer(ASKED[:4], model="base", max_new_tokens=NEW)
    again = load_pair(str(tiny_llama), adapter)
    again.cache = AnswerCache(tmp_path)
    mixed = again.answer(ASKED, model="base", max_new_tokens=NEW)
    assert [one.cached for one in mixed] == [True] * 4 + [False] * 3
    assert [(one.text, one.seconds, one.completion_tokens) for one in mixed[:4]] == [
        (one.text, one.seconds, one.completion_tokens) for one in first
    ]
    for which, new in (("fine-tuned", NEW), ("base", NEW - 1)):
        assert not any(one.cached for one in again.answer(ASKED, model=which, max_new_tokens=new))


def test_the_same_adapter_over_another_base_is_another_model(tiny_llama: Path, adapter: Path) -> None:
    pair = load_pair(str(tiny_llama), adapter)
    side = pair.side("fine-tuned")
    stamp = pair.stamp(side, NEW)
    pair.base_weights = "base:another"
    assert pair.stamp(side, NEW) != stamp


@pytest.mark.parametrize("damage", ["not a database", "no room", "locked away", "half"])
def test_a_cache_that_cannot_be_used_is_done_without(tiny_llama: Path, tmp_path: Path, damage: str) -> None:
    pair = load_base(str(tiny_llama))
    expected = [one.text for one in pair.answer(ASKED, model="base", max_new_tokens=4)]
    folder = tmp_path / "home"
    folder.mkdir()
    if damage == "not a database":
        (folder / NAME).write_bytes(b"\0garbage" * 1000)
    elif damage == "locked away":
        folder.rmdir()
        folder.write_text("a file where the folder should be")
    pair.cache = AnswerCache(folder)
    if damage == "no room":
        pair.cache._file.execute("PRAGMA max_page_count = 4")
    elif damage == "half":
        pair.answer(ASKED[:2], model="base", max_new_tokens=4)
        pair.cache._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = (folder / NAME).read_bytes()
        (folder / NAME).write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        pair.cache = AnswerCache(folder)
    for _ in range(2):
        assert [one.text for one in pair.answer(ASKED, model="base", max_new_tokens=4)] == expected


def test_the_cache_forgets_what_was_not_asked_for_the_longest(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path, most_bytes=400_000)
    for number in range(40):
        cache.put({key(number, row): {"tokens": [7] * 100, "seconds": 1.0} for row in range(50)})
        with sqlite3.connect(tmp_path / NAME) as file:
            file.execute("UPDATE answers SET used = used - 10")
        file.close()
    assert (tmp_path / NAME).stat().st_size < 1_000_000
    assert cache.get([key(39, 0)]) and not cache.get([key(0, 0)])


def test_two_processes_write_to_one_cache(tmp_path: Path) -> None:
    one, other = AnswerCache(tmp_path), AnswerCache(tmp_path)
    one.put({key("a"): {"tokens": [1]}})
    other.put({key("b"): {"tokens": [2]}})
    assert set(one.get([key("a"), key("b")])) == {key("a"), key("b")}


def test_a_batch_that_is_too_much_for_the_gpu_is_answered_in_halves(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    pair = load_base(str(tiny_llama))
    prompts = tokens(pair)
    expected = answered(pair, "base", prompts, 64)
    tried = []

    def short_of_memory(model: Any, rows: Any, **more: Any) -> Any:
        tried.append(len(rows))
        if len(rows) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.38 GiB")
        return decode(model, rows, **more)

    monkeypatch.setattr("hf_recipes.inference.batches.decode", short_of_memory)
    done: list[int] = []
    batches = Batches(pair.side("base"), ["x"], AnswerCache(None), {})
    made = batches.answers(prompts, NEW, 64, lambda count, total: done.append(count))
    assert [one.tokens for one in made] == expected
    assert max(tried) == len(prompts) and done == sorted(done) and done[-1] == len(prompts)

    monkeypatch.setattr("hf_recipes.inference.batches.decode", too_much)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        batches.answers(prompts, NEW, 64, lambda count, total: None)


def too_much(*_: Any, **__: Any) -> Any:
    import torch

    raise torch.cuda.OutOfMemoryError("CUDA out of memory.")


def test_likelihoods_too_are_measured_in_halves_where_a_batch_is_too_much(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from hf_recipes.inference import likelihood

    pair = load_base(str(tiny_llama))
    expected = likelihood.reference_nll(pair, ASKED, LINES, model="base")
    real = likelihood._batch

    def short_of_memory(side: Any, asked: Any, turns: Any) -> Any:
        if len(asked) > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return real(side, asked, turns)

    monkeypatch.setattr(likelihood, "_batch", short_of_memory)
    found = likelihood.reference_nll(pair, ASKED, LINES, model="base")
    assert [count for _, count in found] == [count for _, count in expected]
    assert [nats for nats, _ in found] == pytest.approx([nats for nats, _ in expected], abs=1e-3)


def test_what_torch_keeps_for_the_next_batch_counts_as_free(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU the second batch may be as large as the first, whose memory torch has not given back."""
    import torch

    class OnGpu:
        device, dtype = torch.device("cuda"), torch.bfloat16
        config = load_base(str(tiny_llama)).side("base").model.config

    def with_memory(free: int, reserved: int, allocated: int) -> int:
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 24 << 30))
        monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: reserved)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: allocated)
        return kv_cache.tokens_that_fit(OnGpu)

    first = with_memory(8 << 30, 15 << 30, 15 << 30)
    assert with_memory(2 << 30, 21 << 30, 15 << 30) == first
