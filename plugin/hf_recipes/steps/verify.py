"""The verify step of a run: what the trainer wrote is whole, loads, is finite and is not the base again.

    python -m hf_recipes.steps.verify RUN

A trainer may exit 0 after a crash, so that proves nothing. No pickle is ever loaded.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hf_recipes.engines.registry import engine_of
from hf_recipes.engines.step import Progress, run_step
from hf_recipes.inference.effect import PROBE, idle_targets, without_effect
from hf_recipes.inference.loading import device_map, height, model_folder, resized
from hf_recipes.inference.parameter_count import parameter_count
from hf_recipes.record.job import Job
from hf_recipes.record.prepared import read_prepared
from hf_recipes.runner.causes import StepFailed
from hf_recipes.runner.files import write_json
from hf_recipes.steps.job_of_run import job_of_run
from hf_recipes.steps.verify_endpoint import verify_endpoint

ADAPTER = "adapter_config.json"
VERIFIED = "work/verified.json"
"""In the run's folder: what the weights themselves make doubtful, for the report."""
BESIDE = 1 << 30
"""Bytes of the GPU for the adapter and one forward pass."""


def verify(run: Path) -> None:
    """Check work/<project_name>. Raises StepFailed: no_weights where nothing was written, else weights_invalid."""
    job = job_of_run(run)
    if engine_of(job).gives_endpoint:
        verify_endpoint(run)
        return
    folder = run / "work" / job.project_name
    progress = Progress()
    progress(0, 1, unit="", what="checking the weights")
    if job.task == "tabular":
        found = [*folder.glob("*.joblib"), *folder.glob("*.pkl")]
        if not found:
            raise StepFailed("no_weights", "the trainer wrote no model")
        # An estimator is a pickle: loading one runs what it says.
        progress(
            1,
            1,
            unit="",
            what=f"{found[0].name} is there; a pickle is not loaded, so it is not checked further",
        )
        return
    check_files(folder)
    check_finite(folder)
    base = read_prepared(run)["base_model"]
    try:
        warned = check_loads(folder, base, job)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if "out of memory" in str(error):
            raise
        raise _invalid(
            f"the weights do not load: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from None
    write_json(run / VERIFIED, {"warnings": warned})
    what = "; ".join(
        ["the weights load and are finite", *(f"warning: {warning['message']}" for warning in warned)]
    )
    progress(1, 1, unit="", what=what)


def check_files(folder: Path) -> None:
    """There are safetensors, and a config that says what they are."""
    if not any(folder.glob("*.safetensors")):
        pickles = [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")]
        weights = [pickle for pickle in pickles if pickle.name != "training_args.bin"]
        if weights:
            raise _invalid(f"the trainer wrote {weights[0].name}, a pickle, which is never loaded")
        raise StepFailed("no_weights", "the trainer ended without writing weights")
    if not any((folder / name).is_file() for name in (ADAPTER, "config.json", "modules.json")):
        raise _invalid("the trainer wrote weights without a config.json")


def check_finite(folder: Path) -> None:
    """Every number of every tensor is finite, and an adapter does something."""
    import torch

    changed = False
    for file, name, tensor in _tensors(folder):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise _invalid(
                f"{file}: {name} holds numbers that are not finite: training diverged; try a lower params.lr"
            )
        changed = changed or ("lora_B" in name and bool(tensor.any()))
    if (folder / ADAPTER).is_file() and not changed:
        raise _invalid("every LoRA B matrix is zero: the adapter changes nothing, so nothing was learned")


def check_loads(folder: Path, base: str, job: Job) -> list[dict[str, Any]]:
    """The model loads with no weight missing; a language model answers one forward pass with finite numbers.

    Returns warnings: what of an adapter changes nothing.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    adapter = (folder / ADAPTER).is_file()
    if adapter:
        model = _with_adapter(folder, base, job)
    else:
        root = _transformer_folder(folder)
        config = transformers.AutoConfig.from_pretrained(root, trust_remote_code=job.trust_remote_code)
        kind = _model_class(config, sentences=(folder / "modules.json").is_file())
        extra: dict[str, Any] = {"trust_remote_code": True} if job.trust_remote_code else {}
        model, info = kind.from_pretrained(root, output_loading_info=True, use_safetensors=True, **extra)
        missing = sorted(info["missing_keys"])
        if missing:
            raise _invalid(
                f"{len(missing)} weights are missing from what the trainer wrote, such as {missing[0]}"
            )
        if equals_base(folder, base):
            raise _invalid("the weights are those of the base: nothing was learned")
    answers = job.task == "lm_training"
    if answers:
        _forward(model)
    return [*idle_targets(folder), *(without_effect(model) if answers else ())] if adapter else []


def equals_base(folder: Path, base: str) -> bool:
    """Whether every tensor of the folder is, bit for bit, one of the base's. False when the base is not on this disk."""
    import torch
    from safetensors import safe_open

    origin = _on_disk(base)
    if origin is None:
        return False
    known = {}
    for path in sorted(origin.glob("*.safetensors")):
        handle = safe_open(path, "pt")
        known.update(dict.fromkeys(handle.keys(), handle))
    for _, name, tensor in _tensors(folder):
        if name not in known:
            return False
        before = known[name].get_tensor(name)
        if before.shape != tensor.shape or not torch.equal(before.to(tensor.dtype), tensor):
            return False
    return True


def _with_adapter(folder: Path, base: str, job: Job) -> Any:
    """The base with the adapter on it. Raises StepFailed where their keys do not match."""
    import peft
    import torch
    import transformers
    from safetensors import safe_open

    config = json.loads((folder / ADAPTER).read_text("utf-8"))
    kinds = {
        "SEQ_2_SEQ_LM": transformers.AutoModelForSeq2SeqLM,
        "SEQ_CLS": transformers.AutoModelForSequenceClassification,
    }
    kind = kinds.get(config.get("task_type"), transformers.AutoModelForCausalLM)
    extra: dict[str, Any] = {"num_labels": 1} if config.get("task_type") == "SEQ_CLS" else {}
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    model = kind.from_pretrained(
        base,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=job.trust_remote_code,
        device_map=device_for(base),
        **extra,
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=job.trust_remote_code)
    if job.task == "lm_training" and height(resized(model, folder)) < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer))  # as the trainer did before it trained
    tuned = peft.PeftModel.from_pretrained(model, str(folder))
    wanted = {_plain(name) for name in peft.get_peft_model_state_dict(tuned) if "lora_" in name}
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        written = {_plain(name) for name in file.keys() if "lora_" in name}  # noqa: SIM118  (a handle is no mapping)
    odd = sorted(written - wanted) or sorted(wanted - written)
    if odd:
        where = (
            "is in the adapter but not in the base" if odd[0] in written else "is missing from the adapter"
        )
        raise _invalid(f"the adapter does not fit its base: {odd[0]} {where}")
    return tuned


def device_for(base: str) -> dict[str, str] | None:
    """The GPU where a base fits there in 16 bits, else the main memory: one that was trained on in 4 bits may be too large."""
    import torch

    if not torch.cuda.is_available():
        return None
    count = parameter_count(str(model_folder(base)))
    fits = count is not None and 2 * count + BESIDE < torch.cuda.mem_get_info()[0]
    return device_map() if fits else None


def _plain(name: str) -> str:
    return name.replace(".default.", ".").removeprefix("base_model.model.")


def _forward(model: Any) -> None:
    import torch

    model.eval()
    ids = torch.tensor([list(PROBE)], device=model.device)
    with torch.inference_mode():
        numbers = model(input_ids=ids).logits
    if not bool(torch.isfinite(numbers).all()):
        raise _invalid(
            "a forward pass gives numbers that are not finite: training diverged; try a lower params.lr"
        )


def _transformer_folder(folder: Path) -> Path:
    """Where a sentence-transformers folder keeps its transformer: what the first module of modules.json says."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return folder
    first: Mapping[str, str] = json.loads(modules.read_text("utf-8"))[0]
    return folder / first.get("path", "")


def _model_class(config: Any, *, sentences: bool) -> Any:
    import transformers

    names = getattr(config, "architectures", None) or []
    kind = getattr(transformers, names[0], None) if names and not sentences else None
    return kind or transformers.AutoModel


def _tensors(folder: Path) -> Iterator[tuple[str, str, Any]]:
    """(file, name, tensor) of every weight, one at a time."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.rglob("*.safetensors")):
        if any(part.startswith("checkpoint-") for part in path.relative_to(folder).parts):
            continue
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118  (a handle is no mapping)
                    yield path.name, name, file.get_tensor(name)
        except SafetensorError as error:
            raise _invalid(f"{path.name} is damaged: {error}") from None


def _on_disk(base: str) -> Path | None:
    if Path(base).is_dir():
        return Path(base)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(base, local_files_only=True))
    except Exception:  # not in the cache: then there is nothing to compare with
        return None


def _invalid(message: str) -> StepFailed:
    return StepFailed("weights_invalid", message)


if __name__ == "__main__":
    sys.exit(run_step(verify))
