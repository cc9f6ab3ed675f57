"""What a base model's own files say about its size: read from a folder, from the Hub's cache, or from the Hub.

Weights are never loaded: a safetensors file begins with the length of its header (8 bytes, little endian) and the
header itself, JSON with the dtype and shape of each tensor (huggingface.co/docs/safetensors).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from hf_recipes.estimates.base_files import (
    DAMAGED,
    UnusableBase,
    pickle_in_place_of_weights,
    pickle_only,
    unusable_folder,
)
from hf_recipes.recipe import Problem, problem_at
from hf_recipes.recipe.model import Recipe
from hf_recipes.runner.weights import safetensors_header

"""Bytes; the limit that safetensors itself sets."""


@dataclass(frozen=True)
class Base:
    """A base model's size. None is what could not be read."""

    parameters: int
    source: str
    """Where the count comes from, in words."""
    linear: int | None = None
    """Sum over the linear layers that `all-linear` LoRA adapts of (inputs + outputs): × rank gives its parameters."""
    layers: int | None = None
    hidden: int | None = None
    intermediate: int | None = None
    heads: int | None = None
    vocabulary: int | None = None
    embedding: int | None = None
    """Parameters of the embedding and of an output layer of its own."""
    modules: tuple[str, ...] = ()
    """Full names of the modules with a matrix of weights, in the file's order, such as model.layers.0.self_attn.q_proj."""
    context: int | None = None
    """Tokens that it knows positions for."""
    damage: UnusableBase | None = None
    """Why its weights cannot be loaded although their headers tell its size."""


LLAMA = (
    *(f"self_attn.{name}_proj" for name in "qkvo"),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
)
SIZES = {
    # Counted from the package's own GGUF; tests compare it with the converted files.
    "bundled/smollm2-135m-instruct": Base(
        134_515_008, "the bundled model is known", 305_280, 30, 576, 1536, 9, 49_152,
        modules=("model.embed_tokens", *(f"model.layers.{layer}.{name}" for layer in range(30) for name in LLAMA)),
        context=8192,
    ),
}  # fmt: skip


def base_size(recipe: Recipe) -> Base | str:
    """The size of a recipe's base model, or a sentence with why it is not known."""
    return (
        f"{recipe.base_model} is an estimator" if recipe.task == "tabular" else read_base(recipe.base_model)
    )


def known_here(base_model: str) -> Base | str | None:
    """A base that is on this disk or bundled; None where the Hub would have to be asked."""
    if base_model in SIZES:
        return SIZES[base_model]
    folder = Path(base_model)
    return read_base(base_model, reach_hub=False) if folder.is_absolute() and folder.is_dir() else None


def unusable_base(recipe: Recipe, base: Base | str | None) -> list[Problem]:
    """That the files of the base cannot be loaded, by the trainer or by what answers. `base`: what base_of said of it."""
    why = base.damage if isinstance(base, Base) else base
    if not isinstance(why, UnusableBase):
        return []
    return [problem_at(recipe, "base_model", why.code, str(why), why.hint)]


def read_base(base_model: str, *, reach_hub: bool = True) -> Base | str:
    """The size of a base model, or one sentence saying why it is not known: an Unusable where that means that it cannot be
    loaded. Never raises for what it reads."""
    if base_model in SIZES:
        return SIZES[base_model]
    folder = Path(base_model)
    try:
        if folder.is_dir():
            return _from_folder(folder)
        cached = _from_cache(base_model)
        if isinstance(cached, Base):
            return cached
        asked = _from_hub(base_model) if reach_hub else f"{base_model} is not in the Hub's cache here"
        return asked if cached is None or isinstance(asked, (Base, UnusableBase)) else cached
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{base_model}: size not readable ({type(error).__name__})"


def _from_folder(folder: Path) -> Base | str:
    wrong = unusable_folder(folder)
    if wrong and wrong.code != DAMAGED:
        return wrong
    config = _config(folder / "config.json")
    try:
        shapes = dict(_shapes(folder))
    except (OSError, ValueError, KeyError, TypeError):
        if wrong:
            return wrong
        raise
    if not shapes:
        return wrong or f"{folder.name} holds no safetensors files"
    return replace(_base(shapes, config, "safetensors headers"), damage=wrong)


def _shapes(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    for path in sorted(folder.glob("*.safetensors")):
        for name, tensor in safetensors_header(path).items():
            yield name, tuple(int(size) for size in tensor["shape"])


def _base(shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, object], source: str) -> Base:
    linear = sum(
        sum(shape)
        for name, shape in shapes.items()
        if len(shape) == 2 and name.endswith("weight") and not outside_lora(name)
    )
    outside = sum(
        math.prod(shape) for name, shape in shapes.items() if len(shape) == 2 and outside_lora(name)
    )
    known = _with_config(sum(math.prod(shape) for shape in shapes.values()), linear or None, config, source)
    return replace(known, embedding=outside or None, modules=tuple(_modules(shapes)))


def _modules(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    for name, shape in shapes.items():
        module, _, kind = name.rpartition(".")
        if module and kind in ("weight", "qweight") and len(shape) >= 2:
            yield module


def outside_lora(name: str) -> bool:
    """peft's `all-linear` leaves out the output layer; embeddings are no linear layers."""
    return any(part in name for part in ("embed", "lm_head", "wte", "wpe", "score"))


def _with_config(parameters: int, linear: int | None, config: Mapping[str, object], source: str) -> Base:
    def number(*names: str) -> int | None:
        found = next((config[name] for name in names if isinstance(config.get(name), int)), None)
        return found if isinstance(found, int) and found > 0 else None

    return Base(
        parameters,
        source,
        linear,
        number("num_hidden_layers", "n_layer", "num_layers"),
        number("hidden_size", "n_embd", "d_model"),
        number("intermediate_size", "n_inner", "d_ff"),
        number("num_attention_heads", "n_head", "num_heads"),
        number("vocab_size"),
        context=number("max_position_embeddings", "n_positions", "n_ctx"),
    )


def _config(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        return {}
    config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        return {}
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, dict) else config


def _from_cache(repo: str) -> Base | UnusableBase | None:
    """What the Hub's cache holds; None where that is not enough to tell. A file that is on its way there is not damaged."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(repo, "config.json")
    except HFValidationError:
        return None
    if not isinstance(path, str):
        return None
    read = _from_folder(Path(path).parent)
    if isinstance(read, Base) or (isinstance(read, UnusableBase) and read.code == "pickle"):
        return read
    return None


def _from_hub(repo: str) -> Base | str:
    """Asks the Hub for the headers and the config, in two requests; nothing is kept."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return f"{repo}: HF_HUB_OFFLINE is set"
    from huggingface_hub.errors import NotASafetensorsRepoError

    try:
        return _asked_hub(repo, os.environ.get("HF_ENDPOINT", ""))
    except NotASafetensorsRepoError as error:
        pickle = _hub_pickle(repo)
        return (
            pickle_only(repo, pickle) if pickle else f"{repo}: the Hub did not say ({type(error).__name__})"
        )
    except Exception as error:
        # Whatever stops it (no network, no such model, gated), the plan goes on without.
        return f"{repo}: the Hub did not say ({type(error).__name__})"


@lru_cache(maxsize=64)
def _asked_hub(repo: str, endpoint: str) -> Base:
    """Kept for as long as this process lives: a run looks at its base more than once."""
    from huggingface_hub import HfApi, hf_hub_download

    headers = HfApi(endpoint=endpoint or None).get_safetensors_metadata(repo)
    config = _config(Path(hf_hub_download(repo, "config.json", etag_timeout=5, endpoint=endpoint or None)))
    shapes = {
        name: tuple(tensor.shape)
        for file in headers.files_metadata.values()
        for name, tensor in file.tensors.items()
    }
    return _base(shapes, config, "the Hub's safetensors metadata")


def _hub_pickle(repo: str) -> str | None:
    """The pickle that a repo without safetensors holds its weights in."""
    from huggingface_hub import HfApi

    try:
        client = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        return pickle_in_place_of_weights(client.list_repo_files(repo))
    except Exception:  # whatever stops it, the base stays one that little is known of
        return None
