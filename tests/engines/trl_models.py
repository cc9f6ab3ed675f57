"""Runs in the trl environment: trains a tiny model of each kind, checks and asks it, and writes what became of it as JSON.

<python of the trl set> tests/engines/trl_models.py JOB.json OUT.json [KIND …]      JOB.json: {"lora": …, "full": …}, jobs without a base
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_DATASETS_CACHE", tempfile.mkdtemp())

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from hf_recipes.data.form import form_of
from hf_recipes.engines.preparation import PreparedData
from hf_recipes.engines.trl import trainer_files
from hf_recipes.engines.trl.training.fit import fit
from hf_recipes.engines.trl.training.packing import rows_stay_apart
from hf_recipes.inference.base_model import resolve_base
from hf_recipes.inference.chat_template import frame_of
from hf_recipes.inference.pair import load_pair
from hf_recipes.steps.verify import verify

KINDS = [
    "llama",
    "llama4_text",
    "mistral",
    "ministral3",
    "mixtral",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "qwen3_next",
    "qwen3_5_text",
    "gemma2",
    "gemma3_text",
    "gemma3n_text",
    "gemma4_text",
    "phi3",
    "smollm3",
    "gpt_oss",
    "granite",
    "granitemoehybrid",
    "lfm2",
    "lfm2_moe",
    "olmo2",
    "olmo3",
    "falcon_h1",
    "glm4",
    "glm4_moe",
    "deepseek_v3",
    "exaone4",
    "cohere2",
    "nemotron_h",
]
SMALL: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 64, "intermediate_size_mlp": 64, "moe_intermediate_size": 32, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256, "num_experts": 4,
    "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1, "n_group": 1, "topk_group": 1,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 16,
    "first_k_dense_replace": 1, "shared_intermediate_size": 32, "shared_expert_intermediate_size": 32,
    "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_num_heads": 4,
    "mamba_head_dim": 16, "ssm_state_size": 8, "n_groups": 1, "mamba_expand": 1, "expand": 1, "chunk_size": 16, "mamba_chunk_size": 16,
    "linear_num_value_heads": 2, "linear_num_key_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
    "hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": 0, "laurel_rank": 8, "num_kv_shared_layers": 0,
    "global_head_dim": 16, "sliding_window": 32, "attention_chunk_size": 64, "block_multiple_of": 8, "block_ff_dim": 64,
}  # fmt: skip
"""Sizes, of which each kind takes those that its config has."""
ROWS = [
    [{"role": "user", "content": f"Say {number}."}, {"role": "assistant", "content": f"It is {number}."}]
    for number in range(12)
]
PROMPT = [[{"role": "user", "content": "Say 3."}], [{"role": "user", "content": "Say seven."}]]


def main() -> None:
    jobs, out = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    tokenizer = AutoTokenizer.from_pretrained(resolve_base("bundled/smollm2-135m-instruct", say=print))
    found = {kind: _tried(kind, jobs, tokenizer) for kind in sys.argv[3:] or KINDS}
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _tried(kind: str, jobs: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """`lora` and `full` → "" where all went well, else where it stopped and why; `packed`."""
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        try:
            model = AutoModelForCausalLM.from_config(_config(kind, tokenizer))
            packed = rows_stay_apart(model)
            model.save_pretrained(base)
            tokenizer.save_pretrained(base)
        except Exception as error:
            traceback.print_exc()
            return {"packed": None, "lora": f"made: {_said(error)}", "full": f"made: {_said(error)}"}
        parameters = sum(tensor.numel() for tensor in model.parameters())
        del model
        ways = {way: _walk(Path(folder) / way, base, job, tokenizer) for way, job in jobs.items()}
    sys.stderr.write(f"{kind}: {ways}\n")
    return {"parameters": parameters, "packed": packed, **ways}


def _config(kind: str, tokenizer: Any) -> Any:
    torch.manual_seed(0)
    made = CONFIG_MAPPING[kind]
    default = made()
    sizes = {name: value for name, value in SMALL.items() if hasattr(default, name)}
    for name in ("vocab_size", "vocab_size_per_layer_input"):
        if hasattr(default, name):
            sizes[name] = len(tokenizer)
    layers = getattr(default, "layer_types", None)
    if layers:
        several = list(dict.fromkeys(layers))
        sizes["layer_types"] = several if len(several) > 1 else several * 2
        sizes["num_hidden_layers"] = len(sizes["layer_types"])
    tokens = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
    }
    return AutoConfig.for_model(kind, **{**sizes, **tokens})


def _walk(run: Path, base: Path, job: dict[str, Any], tokenizer: Any) -> str:
    """Empty, or where it stopped."""
    stage = "trained"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _prepare(run, base, job, tokenizer)
            fit(run)
            stage = "verified"
            verify(run)
            stage = "answered"
            pair = load_pair(str(base), run / "work" / job["project_name"])
            answers = [pair.answer(PROMPT, model=which, max_new_tokens=4) for which in ("base", "fine-tuned")]
            assert all(len(answer) == 2 for answer in answers)
            stage = "streamed"
            assert list(pair.stream(PROMPT[0], max_new_tokens=4, stop=threading.Event()))
    except Exception as error:
        traceback.print_exc()
        return f"{stage}: {_said(error)}"
    return ""


def _prepare(run: Path, base: Path, job: dict[str, Any], tokenizer: Any) -> None:
    data = run / "work" / "data"
    data.mkdir(parents=True)
    (data / "train.jsonl").write_text("".join(json.dumps({"messages": row}) + "\n" for row in ROWS))
    (run / "job.json").write_text(json.dumps({**job, "base_model": str(base)}))
    params = {
        **job["params"],
        **{name: found["value"] for name, found in job["overrides"].items() if not name.isupper()},
    }
    form = form_of(job["task"], params)
    columns = {column.parameter: column.name for column in form.columns}
    prepared = PreparedData(str(base), str(data), columns=columns)
    trainer_files.write_settings(run / "work", job["project_name"], job["task"], params, prepared)
    known = {"base_model": str(base), "prompt": frame_of(tokenizer).as_json()}
    (run / "work" / "prepared.json").write_text(json.dumps(known))


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


main()
