"""The verify step: sound weights pass, and each kind of unsound ones is refused with one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory, tiny_llama: Path) -> Path:
    """A LoRA adapter of the tiny model, with something in it, as AutoTrain's trainer saves one."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("adapter")
    base = AutoModelForCausalLM.from_pretrained(tiny_llama)
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    torch.manual_seed(1)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    tuned.save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_llama).save_pretrained(folder)
    return folder


@pytest.fixture
def trained(make_run, tiny_llama, tiny_bert):
    """A run whose trainer left a copy of a folder behind."""

    def make(folder: Path, *, base: Path = tiny_llama, task: str = "lm_training") -> Path:
        run = make_run(task=task, base_model=str(base), data={"path": "x", "train_split": "train"}, params={})
        shutil.copytree(folder, run / "work" / "tiny")
        (run / "work" / "prepared.json").write_text(json.dumps({"base_model": str(base)}))
        return run

    return make


def change(run: Path, name: str, edit) -> None:
    from safetensors.torch import load_file, save_file

    path = run / "work" / "tiny" / name
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_an_adapter_that_learned_something_passes(trained, adapter, step):
    done, failure = step("verify", trained(adapter))
    assert (done.returncode, failure) == (0, {})
    assert "the weights load and are finite" in done.stdout and "warning" not in done.stdout


def warned(run: Path) -> list[dict[str, object]]:
    return json.loads((run / "work" / "verified.json").read_text())["warnings"]


def configured(run: Path, **changes: object) -> None:
    path = run / "work" / "tiny" / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_target_module_that_adapts_nothing_is_told(trained, adapter, step):
    run = trained(adapter)
    step("verify", run)
    assert warned(run) == []
    known = json.loads((run / "work" / "tiny" / "adapter_config.json").read_text())["target_modules"]
    configured(run, target_modules=[*known, " q_proj", "c_attn"])

    def forget_one(tensors):
        for name in tensors:
            if "o_proj.lora_B" in name:
                tensors[name] = tensors[name] * 0

    change(run, "adapter_model.safetensors", forget_one)
    done, failure = step("verify", run)
    assert (done.returncode, failure) == (0, {})
    found = warned(run)
    assert [(one["code"], one["target"]) for one in found] == [
        ("target-without-effect", " q_proj"),
        ("target-without-effect", "c_attn"),
        ("target-without-effect", "o_proj"),
    ]
    assert (
        "no weights for it" in found[1]["message"]
        and "in 2 of 2 modules 'o_proj': LoRA B is zero" in found[2]["message"]
    )
    assert found[1]["adapted"] == sorted({name.rpartition(".")[2] for name in known} - {"o_proj"})
    assert "warning: the adapter names the target module 'c_attn'" in done.stdout


def test_an_adapter_whose_scores_are_the_bases_is_told(trained, adapter, step):
    run = trained(adapter)
    configured(run, lora_alpha=0)
    done, failure = step("verify", run)
    assert (done.returncode, failure) == (0, {})
    (one,) = warned(run)
    assert (one["code"], one["tokens"], one["dtype"]) == ("adapter-without-effect", 8, "float32")


def to_nan(tensors):
    next(iter(tensors.values()))[0] = float("nan")


def to_zero(tensors):
    for name in tensors:
        tensors[name] = tensors[name] * 0 if "lora_B" in name else tensors[name]


def drop_one(tensors):
    tensors.pop(sorted(tensors)[0])


def rename_one(tensors):
    tensors["base_model.model.model.layers.9.mlp.up_proj.lora_A.weight"] = tensors.pop(sorted(tensors)[0])


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (to_nan, "holds numbers that are not finite: training diverged; try a lower params.lr"),
        (to_zero, "every LoRA B matrix is zero: the adapter changes nothing"),
        (drop_one, "is missing from the adapter"),
        (rename_one, "is in the adapter but not in the base"),
    ],
)
def test_an_unsound_adapter_is_refused(trained, adapter, step, edit, said):
    run = trained(adapter)
    change(run, "adapter_model.safetensors", edit)
    done, failure = step("verify", run)
    assert (done.returncode, failure["reason"]) == (1, "weights_invalid")
    assert said in failure["message"]


def test_a_truncated_file_is_refused(trained, adapter, step):
    run = trained(adapter)
    path = run / "work" / "tiny" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    failure = step("verify", run)[1]
    assert failure["reason"] == "weights_invalid"
    assert "adapter_model.safetensors is damaged" in failure["message"]


def test_a_whole_model_must_be_whole_and_not_the_base_again(trained, tiny_llama, step):
    run = trained(tiny_llama)
    assert step("verify", run)[1]["message"] == "the weights are those of the base: nothing was learned"

    def learn(tensors):
        tensors["model.norm.weight"] = tensors["model.norm.weight"] + 0.1

    change(run, "model.safetensors", learn)
    (run / "failure.json").unlink()
    done, failure = step("verify", run)
    assert (done.returncode, failure) == (0, {})
    change(run, "model.safetensors", drop_one)
    assert "weights are missing from what the trainer wrote" in step("verify", run)[1]["message"]


def test_another_kind_of_model_is_loaded_as_its_config_says(trained, tiny_bert, step, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path / "classifier"
    AutoModelForSequenceClassification.from_pretrained(tiny_bert, num_labels=3).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    run = trained(folder, base=tiny_bert, task="text_multi_class_classification")
    assert step("verify", run)[1] == {}
    change(run, "model.safetensors", lambda tensors: tensors.pop("classifier.weight"))
    assert "such as classifier.weight" in step("verify", run)[1]["message"]


def test_no_weights_and_pickled_weights_are_told_apart(trained, tiny_bert, step, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "training_params.json").write_text("{}")
    run = trained(empty)
    (run / "work" / "tiny" / "training_args.bin").write_bytes(b"x")
    assert step("verify", run)[1] == {
        "reason": "no_weights",
        "message": "the trainer ended without writing weights",
    }
    (run / "work" / "tiny" / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    failure = step("verify", run)[1]
    assert failure["reason"] == "weights_invalid"
    assert "pytorch_model.bin, a pickle, which is never loaded" in failure["message"]


def test_a_tabular_model_is_a_pickle_and_only_its_presence_is_checked(trained, step, tmp_path):
    folder = tmp_path / "estimator"
    folder.mkdir()
    (folder / "model.joblib").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    done, failure = step("verify", trained(folder, task="tabular"))
    assert (done.returncode, failure) == (0, {})
    assert "a pickle is not loaded" in done.stdout


def test_a_base_too_large_for_the_gpu_in_16_bits_is_verified_in_main_memory(tiny_llama, monkeypatch):
    """As after training in 4 bits: a 14B model trains on 24 GB, and takes 28 in 16 bits."""
    import torch

    from hf_recipes.steps.verify import BESIDE, device_for

    assert device_for(str(tiny_llama)) is None, "there is no GPU here"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for free, expected in ((2 * BESIDE, {"": "cuda"}), (BESIDE, None)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda free=free: (free, 24 << 30))
        assert device_for(str(tiny_llama)) == expected
