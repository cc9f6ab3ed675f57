"""Loading the parts of a pair with transformers and peft. No pickle is ever loaded."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hf_recipes.inference.bounded_template import bounded
from hf_recipes.inference.device import on_gpu

ADAPTER = "default"


class ModelUnavailable(OSError):
    """A model of the pair cannot be loaded; the message is one sentence."""


def load_model(source: str, trust_remote_code: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    gpu = on_gpu()
    if not gpu and not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(_cores())
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            source,
            output_loading_info=True,
            dtype=torch.bfloat16 if gpu else torch.float32,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            device_map=device_map(),
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{source} cannot be loaded: {_first_line(error)}") from None
    if missing := sorted(loaded["missing_keys"]):
        # transformers fills them with random numbers, and what these say would be measured.
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise ModelUnavailable(f"{source} has no weights for {missing[0]}{more}, which its config asks for")
    return model.eval()


def device_map() -> dict[str, str] | None:
    """Straight to the GPU, file by file: a rented GPU's machine may have less memory than the GPU."""
    return {"": "cuda"} if on_gpu() else None


def load_tokenizer(source: str, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return bounded(AutoTokenizer.from_pretrained(source, trust_remote_code=trust_remote_code))
    except Exception as error:  # the tokenizers library raises no class of its own
        raise ModelUnavailable(f"{source} has no tokenizer that loads: {_first_line(error)}") from None


def with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel

    try:
        tuned = PeftModel.from_pretrained(
            model,
            str(folder),
            adapter_name=ADAPTER,
            autocast_adapter_dtype=False,
            torch_device=model.device.type,  # else peft asks torch for a GPU, of which on_gpu knows more
        )
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise ModelUnavailable(
            f"the adapter in {folder} does not fit its base: {_first_line(error)}"
        ) from None
    return tuned.to(model.dtype).eval()


def only_lora(folder: Path) -> bool:
    """Whether the adapter is plain LoRA on linear layers. One that brings whole layers (resized embeddings, say) would
    put them into the base it shares, and other kinds of adapter are not chosen row by row here."""
    from safetensors import safe_open

    config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    special = (
        "use_dora",
        "lora_bias",
        "fan_in_fan_out",
        "alora_invocation_tokens",
        "arrow_config",
        "velora_config",
    )
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none":
        return False
    if any(config.get(name) for name in special):
        return False
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        return all(name.endswith((".lora_A.weight", ".lora_B.weight")) for name in file.keys())  # noqa: SIM118


def resized(model: Any, folder: Path) -> Any:
    """A base whose embeddings have as many rows as those that the adapter brings."""
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        for name in file.keys():  # noqa: SIM118  (a handle is no mapping)
            if name.endswith(("embed_tokens.weight", "wte.weight", "embed_in.weight")):
                rows = file.get_slice(name).get_shape()[0]
                if rows != height(model):
                    model.resize_token_embeddings(rows, mean_resizing=False)
    return model


def positions(source: str, trust_remote_code: bool) -> int | None:
    """How many tokens the model knows positions for; None where its config does not say."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code).get_text_config()
    found = getattr(config, "max_position_embeddings", None)
    return found if isinstance(found, int) else None


def height(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[0])


def model_folder(source: str) -> Path:
    """Where the files of a loaded model are: the folder itself, or a Hub id's snapshot in the cache."""
    if Path(source).is_dir():
        return Path(source)
    from transformers.utils import cached_file

    return Path(str(cached_file(source, "config.json"))).parent


def _cores() -> int:
    """Physical cores that this process may use: a second thread on a core only waits for the first."""
    import psutil

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or usable, usable))


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
