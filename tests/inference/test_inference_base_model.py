"""The base model: fetched and converted once, the same model to both transformers, and no GGUF left beside it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hf_recipes import environments
from hf_recipes.engines.autotrain.trainer_view import trainer_view, trainer_view_problem
from hf_recipes.inference import base_model, gguf
from hf_recipes.inference.base_model import BaseUnavailable

NAME = "bundled/smollm2-135m-instruct"

# Prints what an interpreter's transformers makes of each model named; greedy, float32.
LOOK = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer

def look(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}],
        tokenize=False, add_generation_prompt=True,
    )
    inputs = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**inputs).logits[0, -1, :200]
        out = model.generate(**inputs, do_sample=False, max_new_tokens=12)
    return {
        "text": text,
        "ids": inputs.input_ids[0].tolist(),
        "inputs": sorted(inputs),
        "digits": tokenizer.tokenize("  12½"),
        "padding": [tokenizer.pad_token, tokenizer.eos_token],
        "rotary": model.model.rotary_emb.inv_freq[:4].tolist(),
        "tied": model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr(),
        "logits": logits.tolist(),
        "answer": tokenizer.decode(out[0, inputs.input_ids.shape[1]:]),
    }

print(json.dumps([look(folder) for folder in sys.argv[1:]]))
"""


def look(python: Path | str, *folders: Path | str) -> list[dict[str, object]]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(python), "-c", LOOK, *map(str, folders)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return seen


@pytest.fixture(scope="module")
def folder() -> str:
    """The bundled base in this machine's own cache: converted here if no run has done it yet."""
    return base_model.resolve_base(NAME, say=print)


def test_the_folder_holds_the_model_and_not_what_it_came_from(folder: str) -> None:
    sizes = {path.name: path.stat().st_size for path in Path(folder).iterdir()}
    assert set(sizes) == {
        "config.json", "generation_config.json", "hf-recipes.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    # 134,515,008 parameters in float32, the tied head written once.
    assert 538_060_032 < sizes["model.safetensors"] < 538_160_032
    # The token that ends a turn does not pad: trainers mask padding in the labels.
    tokens = json.loads((Path(folder) / "tokenizer_config.json").read_text())
    assert (tokens["eos_token"], tokens["pad_token"]) == ("<|im_end|>", "<|endoftext|>")
    assert trainer_view_problem(Path(folder)) is None


def test_a_second_time_it_is_there_at_once_without_network_or_uv(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    said: list[str] = []
    assert base_model.resolve_base(NAME, say=said.append) == folder
    assert not said


@pytest.fixture
def empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> Path:
    """A cache of the test's own. The package comes out of uv's cache, where `folder` has put it."""
    uv = environments.find_uv()
    monkeypatch.setenv("HF_RECIPES_HOME", str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(uv)
    return tmp_path


def left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "bases").iterdir() if not path.name.endswith(".lock"))


def test_a_file_that_is_not_the_one_we_know_is_refused(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(base_model.BUNDLED[NAME], sha256="0" * 64)
    monkeypatch.setitem(base_model.BUNDLED, NAME, other)
    with pytest.raises(BaseUnavailable, match="not the file that we know: its sha256 is b179c952"):
        base_model.resolve_base(NAME, say=print)
    assert left(empty_home) == []


@pytest.mark.parametrize("end", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_conversion_that_is_cut_off_leaves_nothing_half(
    end: BaseException, empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(gguf: Path, into: Path) -> None:
        (into / "config.json").write_text("{}")
        raise end

    monkeypatch.setattr(gguf, "convert_gguf", cut_off)
    with pytest.raises((KeyboardInterrupt, BaseUnavailable)):
        base_model.resolve_base(NAME, say=print)
    assert left(empty_home) == []


def test_what_a_killed_conversion_left_is_neither_used_nor_kept(
    empty_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(gguf: Path, into: Path) -> None:
        (into / "config.json").write_text("{}")

    monkeypatch.setattr(gguf, "convert_gguf", small)
    place = Path(base_model.resolve_base(NAME, say=print))
    (place / "config.json").unlink()
    (place.parent / f"{place.name}.new-dead" / "model").mkdir(parents=True)
    assert base_model.resolve_base(NAME, say=print) == str(place)
    assert (place / "config.json").is_file() and left(empty_home) == [place.name]


def test_what_is_not_bundled_is_answered_with_the_nearest() -> None:
    with pytest.raises(BaseUnavailable, match="did you mean bundled/smollm2-135m-instruct"):
        base_model.resolve_base("bundled/smollm-135m-instruct", say=print)


def test_a_folder_stays_and_a_hub_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert base_model.resolve_base("model", say=print) == str(tmp_path / "model")
    assert base_model.resolve_base("someone/some-model", say=print) == "someone/some-model"
    with pytest.raises(BaseUnavailable, match="no such folder"):
        base_model.resolve_base("./nothing", say=print)
    (tmp_path / "model" / "config.json").rename(tmp_path / "model" / "adapter_config.json")
    with pytest.raises(BaseUnavailable, match="name the model that it was trained from"):
        base_model.resolve_base("model", say=print)


@pytest.fixture(scope="module")
def saved_by_five(folder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with the bundled base's tokenizer, as transformers 5 saves both."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        rope_parameters={"rope_type": "default", "rope_theta": 77777.0},
        tie_word_embeddings=True,
        eos_token_id=2,
    )
    place = tmp_path_factory.mktemp("five")
    LlamaForCausalLM(config).save_pretrained(place)
    AutoTokenizer.from_pretrained(folder).save_pretrained(place)
    return place


def test_a_model_saved_by_transformers_5_is_told_and_mended_for_the_trainer(
    saved_by_five: Path, tmp_path: Path
) -> None:
    problem = trainer_view_problem(saved_by_five)
    assert problem is not None
    assert (
        "rope_parameters" in problem and "chat_template.jinja" in problem and "TokenizersBackend" in problem
    )
    view = trainer_view(saved_by_five, tmp_path / "view")
    assert trainer_view_problem(view) is None
    assert (view / "model.safetensors").resolve() == (saved_by_five / "model.safetensors").resolve()
    assert trainer_view(view, tmp_path / "again") == view
    # Making it once more, over what is there, gives the same.
    before = (view / "config.json").read_text()
    assert (
        trainer_view(saved_by_five, tmp_path / "view") == view
        and (view / "config.json").read_text() == before
    )


@pytest.mark.training
def test_the_trainer_and_we_see_the_same_models_and_the_base_can_talk(
    folder: str, saved_by_five: Path, tmp_path: Path
) -> None:
    trainer = environments.ensure("autotrain", say=print)
    theirs = look(trainer, folder, trainer_view(saved_by_five, tmp_path / "view"))
    ours = look(sys.executable, folder, saved_by_five)
    for their, our in zip(theirs, ours, strict=True):
        # Two builds of torch may take other kernels: on one machine logits of 2 to 18 differed by 0.0025.
        assert our.pop("logits") == pytest.approx(their.pop("logits"), abs=1e-2)
        assert our == their
    bundled = ours[0]
    assert bundled["answer"] == "The capital of France is Paris.<|im_end|>"
    assert "You are a helpful AI assistant named SmolLM, trained by Hugging Face" in str(bundled["text"])
    assert bundled["inputs"] == ["attention_mask", "input_ids"]
    assert bundled["digits"] == ["ĠĠ", "1", "2", "Â½"]
    # The rotary base is 100000: 100000 ** (-2 / 64), not 10000's.
    assert bundled["rotary"][1] == pytest.approx(0.69783, abs=1e-4)  # type: ignore[index]
    assert bundled["tied"] is True


def test_rotary_settings_that_the_trainer_has_no_words_for_are_refused(tmp_path: Path) -> None:
    config = {
        "rope_parameters": {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(BaseUnavailable, match="cannot express"):
        trainer_view(tmp_path, tmp_path / "view")


def test_a_model_that_lacks_weights_is_not_filled_with_random_ones(tiny_llama: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    from hf_recipes.inference.loading import ModelUnavailable, load_model

    base = tmp_path / "base"
    shutil.copytree(tiny_llama, base)
    weights = load_file(base / "model.safetensors")
    left_out = next(name for name in weights if "layers.1" in name and name.endswith("up_proj.weight"))
    del weights[left_out]
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    assert load_model(str(tiny_llama), False).num_parameters() > 0
    with pytest.raises(ModelUnavailable, match=f"no weights for {left_out}, which its config asks for"):
        load_model(str(base), False)
