"""A base that transformers 5 has saved is the same model to the trainer, whose transformers is of version 4."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hf_recipes.engines.autotrain.shims import newer_base, start

SAVE = """\
import sys, torch, transformers
from tokenizers import Tokenizer, models, pre_tokenizers
assert transformers.__version__.startswith("5.")
words = Tokenizer(models.WordLevel({"<unk>": 0, "<pad>": 1, "<end>": 2, "<tool>": 3, "salt": 4, "flour": 5}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = transformers.PreTrainedTokenizerFast(
    tokenizer_object=words, unk_token="<unk>", pad_token="<pad>", eos_token="<end>", extra_special_tokens=["<tool>"])
tokenizer.chat_template = "{{ messages[0].content }}"
torch.manual_seed(1)
rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": 1000.0} if sys.argv[2] == "scaled" else {"rope_type": "default", "rope_theta": 1000.0}
config = transformers.LlamaConfig(
    vocab_size=6, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
    rope_parameters=rope)
model = transformers.LlamaForCausalLM(config)
model.save_pretrained(sys.argv[1])
tokenizer.save_pretrained(sys.argv[1])
"""
SAY = """\
import json, sys, torch, transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
folder = sys.argv[-1]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, config=AutoConfig.from_pretrained(folder)).eval()
ids = tokenizer("salt flour <tool> salt", return_tensors="pt").input_ids
with torch.no_grad():
    logits = model(ids).logits[0, -1]
print(json.dumps({"ids": ids[0].tolist(), "logits": logits.tolist(), "template": tokenizer.chat_template,
                  "special": "<tool>" in tokenizer.all_special_tokens, "version": transformers.__version__}))
"""


def run(python: Path, *arguments: str | Path) -> str:
    done = subprocess.run([str(python), *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("rope", ["default", "scaled"])
def test_a_base_of_transformers_5_is_the_same_model_to_the_trainer(
    autotrain_python: Path, inference_python: Path, tmp_path: Path, rope: str
) -> None:
    base, say = tmp_path / "base", tmp_path / "say.py"
    say.write_text(SAY)
    run(inference_python, "-c", SAVE, base, rope)
    config = json.loads((base / "config.json").read_text())
    assert "rope_theta" not in config and config["rope_parameters"]["rope_theta"] == 1000.0
    answers: dict[str, Any] = json.loads(run(inference_python, say, base))
    trains: dict[str, Any] = json.loads(run(autotrain_python, start.__file__, "newer_base", say, base))
    assert (answers.pop("version")[0], trains.pop("version")[0]) == ("5", "4")
    assert trains.pop("logits") == pytest.approx(answers.pop("logits"), abs=1e-5)
    assert trains == answers


def test_a_config_of_version_4_stays_as_it_is() -> None:
    config = {"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": None, "torch_dtype": "float32"}
    assert newer_base.older(config) == config


def test_the_config_within_a_config_is_read_too_and_what_cannot_be_said_in_version_4_is_refused() -> None:
    inner = {"model_type": "llama", "rope_parameters": {"rope_theta": 5.0, "partial_rotary_factor": 0.5}}
    assert newer_base.older({"text_config": inner})["text_config"] == {
        "model_type": "llama", "rope_theta": 5.0, "partial_rotary_factor": 0.5, "rope_scaling": None
    }  # fmt: skip
    by_layer = {"rope_parameters": {"full_attention": {"rope_theta": 5.0}}}
    with pytest.raises(ValueError, match="for each kind of layer"):
        newer_base.older(by_layer)
