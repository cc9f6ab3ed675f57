"""Who says what: the base pane is answered by the base, the other by the fine-tuned model, and the stamps say so."""

from __future__ import annotations

import dataclasses
import inspect
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.inference.fingerprint import fingerprint, weight_files
from hf_recipes.inference.pair import (
    READING,
    ModelUnavailable,
    Pair,
    PromptTooLong,
    load_base,
    load_pair,
)

SYSTEM = {"role": "system", "content": "Turn the recipe line into JSON with qty, unit and name."}
LINES = [
    "3 tsp. rolled oats",
    "flaky salt, to taste",
    "1 (14 oz) can butter beans, drained, rinsed and patted dry",
]
CONVERSATIONS = [[SYSTEM, {"role": "user", "content": line}] for line in LINES]
NEW = 12


def alone(base: str, adapter: str, conversations: Any, new: int) -> list[str]:
    """Nothing of ours: what transformers and peft say about one model that is loaded by itself."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter)
    model.eval()
    said = []
    for messages in conversations:
        asked = tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        made = model.generate(**asked, max_new_tokens=new, do_sample=False)
        said.append(tokenizer.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return said


def in_a_fresh_process(base: Path, adapter: Path | None = None) -> list[str]:
    program = (
        "import json, sys\nfrom typing import Any\n"
        + inspect.getsource(alone)
        + "print('SAID' + json.dumps(alone(*json.loads(sys.argv[1]))))"
    )
    given = json.dumps([str(base), str(adapter or ""), CONVERSATIONS, NEW])
    done = subprocess.run([sys.executable, "-c", program, given], capture_output=True, text=True, check=True)
    said: list[str] = json.loads(done.stdout.rsplit("SAID", 1)[1])
    return said


def here(base: Path, adapter: Path | None = None) -> list[str]:
    return alone(str(base), str(adapter or ""), CONVERSATIONS, NEW)


def make_adapter(base: Path, folder: Path, **config: Any) -> Path:
    """A LoRA adapter with random weights that are large enough to change what is said."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(7)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        LoraConfig(r=8, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **config),
    )
    for name, weight in model.named_parameters():
        if "lora_B" in name or "modules_to_save" in name:
            torch.nn.init.normal_(weight, std=0.15)
    model.save_pretrained(folder)
    return folder


def texts(pair: Pair, model: Any, batch_size: int = 8) -> list[str]:
    answers = pair.answer(CONVERSATIONS, model=model, max_new_tokens=NEW, batch_size=batch_size)
    return [one.text for one in answers]


def ends_of_stream(pair: Pair, messages: Any) -> dict[str, Any]:
    last = {}
    for delta in pair.stream(messages, max_new_tokens=NEW, stop=threading.Event()):
        last[delta.model] = delta
    return last


@pytest.fixture(scope="module")
def base() -> Path:
    from hf_recipes.inference.base_model import resolve_base

    return Path(resolve_base("bundled/smollm2-135m-instruct", say=print))


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="module")
def pair(base: Path, adapter: Path) -> Pair:
    return load_pair(str(base), adapter)


@pytest.fixture(scope="module")
def base_alone(base: Path) -> list[str]:
    return in_a_fresh_process(base)


@pytest.fixture(scope="module")
def tuned_alone(base: Path, adapter: Path) -> list[str]:
    return in_a_fresh_process(base, adapter)


def test_each_side_says_what_its_model_says_alone_in_a_fresh_process(
    pair: Pair, base_alone: list[str], tuned_alone: list[str]
) -> None:
    assert base_alone != tuned_alone
    assert pair.shared
    assert texts(pair, "base") == base_alone
    assert texts(pair, "fine-tuned") == tuned_alone
    assert texts(pair, "base", batch_size=1) == base_alone
    # After both were used, the base is still the base.
    streamed = ends_of_stream(pair, CONVERSATIONS[0])
    assert (streamed["base"].text, streamed["fine-tuned"].text) == (base_alone[0], tuned_alone[0])


def test_answers_carry_the_fingerprint_of_the_files_they_come_from(
    pair: Pair, base: Path, adapter: Path
) -> None:
    expected = {
        "base": "base:" + fingerprint([base / "model.safetensors"]),
        "fine-tuned": "fine-tuned:" + fingerprint([adapter / "adapter_model.safetensors"]),
    }
    assert expected["base"][5:] != expected["fine-tuned"][11:]
    for model, stamp in expected.items():
        [answer] = pair.answer(CONVERSATIONS[:1], model=model, max_new_tokens=2)
        assert answer.weights == stamp
    assert {
        model: delta.weights for model, delta in ends_of_stream(pair, CONVERSATIONS[0]).items()
    } == expected


def test_a_pair_whose_panes_are_swapped_is_caught(pair: Pair, base_alone: list[str]) -> None:
    sides = pair._sides
    swapped = Pair(
        dataclasses.replace(sides["base"], adapted=True),
        dataclasses.replace(sides["fine-tuned"], adapted=False),
    )
    assert texts(swapped, "base") != base_alone == texts(swapped, "fine-tuned")


def test_batched_answers_come_in_the_order_asked_with_their_counts(pair: Pair) -> None:
    seen: list[tuple[int, int]] = []
    answers = pair.answer(
        CONVERSATIONS,
        model="base",
        max_new_tokens=4,
        batch_size=2,
        progress=lambda done, all_: seen.append((done, all_)),
    )
    assert seen == [(0, 3), (2, 3), (3, 3)]
    assert [one.prompt_tokens for one in answers] == [pair.count(one) for one in CONVERSATIONS]
    assert all(0 < one.completion_tokens <= 4 and one.seconds > 0 for one in answers)


def test_stopping_ends_both_panes_with_what_they_have(pair: Pair) -> None:
    stop = threading.Event()
    last = {}
    for delta in pair.stream(CONVERSATIONS[0], max_new_tokens=400, stop=stop):
        last[delta.model] = delta
        if delta.model == "fine-tuned" and delta.tokens == 2:
            stop.set()
    assert {model: (delta.done, delta.stopped, delta.tokens) for model, delta in last.items()} == {
        "base": (True, True, 2),
        "fine-tuned": (True, True, 2),
    }
    assert all(0 < delta.first_token_seconds <= delta.seconds for delta in last.values())
    assert texts(pair, "base")  # and the pair is free again


def test_stopping_while_a_long_prompt_is_read_does_not_wait_for_its_end(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [{"role": "user", "content": "Line 1: oats, rice, salt. " * 120}]
    tokens = pair.count(long)
    assert tokens > 4 * READING
    widths: list[int] = []
    stop = threading.Event()

    def seen(_: Any, given: Any, more: Any) -> None:
        widths.append(more["input_ids"].shape[1])
        if len(widths) == 2:
            stop.set()

    watched = pair.side("base").model.register_forward_pre_hook(seen, with_kwargs=True)
    try:
        ended = {one.model: one for one in pair.stream(long, max_new_tokens=NEW, stop=stop)}
    finally:
        watched.remove()
    assert widths == [READING, READING]
    assert {name: (one.done, one.stopped, one.tokens) for name, one in ended.items()} == {
        "base": (True, True, 0),
        "fine-tuned": (True, True, 0),
    }


def test_a_long_prompt_is_answered_as_by_each_model_alone(pair: Pair) -> None:
    long = [SYSTEM, {"role": "user", "content": "Line 1: oats, rice, salt. " * 120}]
    ended = ends_of_stream(pair, long)
    for name, one in ended.items():
        [whole] = pair.answer([long], model=name, max_new_tokens=NEW)
        assert (one.text, one.stopped) == (whole.text, False)


def test_a_stream_that_is_dropped_half_way_frees_the_pair(pair: Pair) -> None:
    stream = pair.stream(CONVERSATIONS[0], max_new_tokens=400, stop=threading.Event())
    next(stream)
    stream.close()
    assert ends_of_stream(pair, CONVERSATIONS[0])["base"].done


def test_an_empty_prompt_is_answered(pair: Pair) -> None:
    [answer] = pair.answer([[{"role": "user", "content": ""}]], model="base", max_new_tokens=3)
    assert answer.completion_tokens > 0


def test_a_prompt_longer_than_the_model_knows_is_refused_before_anything_runs(tiny_llama: Path) -> None:
    pair = load_base(str(tiny_llama))
    long = [{"role": "user", "content": "oats " * 500}]
    with pytest.raises(PromptTooLong, match=r"2,5\d\d tokens; with 12 for the answer .* 2,048"):
        pair.answer([long], model="base", max_new_tokens=12)
    with pytest.raises(PromptTooLong):
        next(pair.stream(long, max_new_tokens=12, stop=threading.Event()))
    with pytest.raises(ModelUnavailable, match="fine-tuned model is not loaded"):
        pair.answer([[{"role": "user", "content": "a"}]], model="fine-tuned", max_new_tokens=1)


@pytest.fixture(scope="module")
def whole(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full fine-tune of the tiny model: the same shape, other weights."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("whole") / "model"
    shutil.copytree(tiny_llama, folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    torch.manual_seed(3)
    for weight in model.parameters():
        weight.data += torch.randn_like(weight) * 0.3
    model.save_pretrained(folder)
    return folder


def test_a_full_fine_tune_stands_beside_its_base(tiny_llama: Path, whole: Path) -> None:
    pair = load_pair(str(tiny_llama), whole)
    expected = {"base": here(tiny_llama), "fine-tuned": here(whole)}
    assert not pair.shared
    assert expected["base"] != expected["fine-tuned"]
    streamed = ends_of_stream(pair, CONVERSATIONS[0])
    for model, said in expected.items():
        assert texts(pair, model) == said
        assert streamed[model].text == said[0]
    # The two folders given the wrong way round: the stamp tells.
    swapped = load_pair(str(whole), tiny_llama)
    assert swapped.base_weights != pair.base_weights == "base:" + fingerprint(weight_files(tiny_llama))


def test_an_adapter_that_brings_whole_layers_does_not_touch_the_base(
    tiny_llama: Path, tmp_path: Path
) -> None:
    adapter = make_adapter(tiny_llama, tmp_path, modules_to_save=["embed_tokens"])
    pair = load_pair(str(tiny_llama), adapter)
    assert not pair.shared
    assert texts(pair, "base") == here(tiny_llama)
    assert texts(pair, "fine-tuned") == here(tiny_llama, adapter)


def test_models_that_are_not_there_are_said_in_a_sentence(tiny_llama: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="no safetensors weights in"):
        load_pair(str(tiny_llama), tmp_path)
    with pytest.raises(ModelUnavailable, match=r"has no tokenizer|cannot be loaded"):
        load_base(str(tmp_path / "nowhere"))


def test_a_fingerprint_tells_weights_apart_by_one_byte_and_by_nothing_else(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    weights = torch.zeros(1000)
    save_file({"a": weights}, tmp_path / "one.safetensors")
    save_file({"a": weights}, tmp_path / "same.safetensors")
    weights[-1] = 1
    save_file({"a": weights}, tmp_path / "other.safetensors")
    one, other, same = (fingerprint([path]) for path in sorted(tmp_path.iterdir()))
    assert one == same != other
    assert len(one) == 12


def test_on_a_gpu_the_weights_go_straight_there(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not through the main memory: that of a rented GPU's machine may be smaller than the model."""
    import torch
    import transformers

    from hf_recipes.inference.loading import ModelUnavailable, load_model

    asked: dict[str, Any] = {}

    def no_gpu_here(source: str, **more: Any) -> Any:
        asked.update(more)
        raise OSError("there is no GPU")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", no_gpu_here)
    with pytest.raises(ModelUnavailable):
        load_model(str(tiny_llama), False)
    assert (asked["device_map"], asked["dtype"]) == ({"": "cuda"}, torch.bfloat16)
