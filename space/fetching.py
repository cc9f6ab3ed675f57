"""A pushed model and its base, looked at first and then downloaded: no pickle, no code, nothing too large to load."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import memory
from hub_errors import UnusableModel, as_unusable
from pushed import ADAPTER, ADAPTER_WEIGHTS, BUNDLED, Repo, check_kind
from settings import PairSettings

if TYPE_CHECKING:
    from huggingface_hub import HfApi

log = logging.getLogger("compare")
Say = Callable[[str], None]

SMALLEST = 10
"""Bytes of a safetensors file without a tensor."""

# What transformers reads besides weights: configurations, vocabularies, chat templates.
WORDS = re.compile(
    r"(adapter_config|config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json"
    r"|vocab\.txt|merges\.txt|chat_template\.(jinja|json)|[\w.-]+\.(model|tiktoken)"
)


@dataclass(frozen=True)
class Wanted:
    """The files of a repo that are downloaded."""

    repo: Repo
    files: tuple[str, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        return tuple(path for path in self.files if path.endswith(".safetensors"))

    @property
    def size(self) -> int:
        return sum(self.repo.files[path] for path in self.files)


def fetch(settings: PairSettings, api: HfApi, *, say: Say, available: int | None = None) -> tuple[str, Path]:
    """The folders of the base and of the model, downloaded where they are not yet. Raises Unusable before it downloads
    what will not load; `available` is the memory for both, in bytes (None: as it is found)."""
    say("Looking at the models …")
    model = wanted(Repo(settings.repo, api, settings.revision))
    if BUNDLED.fullmatch(settings.base):
        say("Making the base, which comes from a Python package; once, for about a minute …")
        return _bundled(settings.base), _download(model, api)
    base_repo = Repo(settings.base, api)
    if ADAPTER in base_repo.files and "config.json" not in base_repo.files:
        raise UnusableModel(f"{settings.base}, which {settings.repo} was made from, is an adapter itself.")
    check_kind(base_repo)
    base = wanted(base_repo)
    check_memory(base, model, api, memory.memory_for_models() if available is None else available)
    size = base.size + model.size
    _make_room(size, keep=(base.repo.name, model.repo.name))
    say(
        f"Downloading {settings.repo} and its base, {memory.size_in_words(size)}; what is here already is taken …"
    )
    return str(_download(base, api)), _download(model, api)


def wanted(repo: Repo) -> Wanted:
    """Files at the root of the repo: one kind of weights, and what goes with it."""
    if ADAPTER in repo.files:
        weights = [ADAPTER_WEIGHTS]
    elif "model.safetensors" in repo.files:
        weights = ["model.safetensors"]
    else:
        weights = [path for path in repo.files if re.fullmatch(r"model[\w.-]*\.safetensors", path)]
        weights += [path for path in repo.files if path == "model.safetensors.index.json"]
    words = [path for path in repo.files if WORDS.fullmatch(path)]
    return Wanted(repo, (*sorted(weights), *sorted(words)))


def check_memory(base: Wanted, model: Wanted, api: HfApi, available: int) -> None:
    """Raises Unusable where both do not fit, by the headers of their weights."""
    item = memory.item_size()
    base_count, _ = _parameters(base, api)
    count, names = _parameters(model, api)
    # An adapter that brings whole layers is laid over a base of its own (see hf_recipes.inference.pair).
    alone = ADAPTER in model.repo.files and not all(
        name.endswith((".lora_A.weight", ".lora_B.weight")) for name in names
    )
    needed = (base_count * (2 if alone else 1) + count) * item
    if needed > available:
        raise UnusableModel(
            f"{model.repo.name} and its base {base.repo.name} need about {memory.size_in_words(needed)} of memory, and this"
            f" machine has {memory.size_in_words(available)} for them. A larger one is needed for it"
            " (hf-recipes space deploy --hardware)."
        )


def _parameters(wanted: Wanted, api: HfApi) -> tuple[int, list[str]]:
    """How many parameters the weights hold, and the names of the tensors."""
    from huggingface_hub.errors import SafetensorsParsingError

    count, names = 0, []
    for path in wanted.weights:
        if wanted.repo.files[path] < SMALLEST:
            raise UnusableModel(f"{path} of {wanted.repo.name} is no safetensors file.")
        with as_unusable(wanted.repo.name):
            try:
                found = api.parse_safetensors_file_metadata(
                    wanted.repo.name, path, revision=wanted.repo.revision
                )
            except SafetensorsParsingError:
                raise UnusableModel(f"{path} of {wanted.repo.name} is no safetensors file.") from None
        count += sum(found.parameter_count.values())
        names += found.tensors
    return count, names


def _download(wanted: Wanted, api: HfApi) -> Path:
    with as_unusable(wanted.repo.name):
        folder = api.snapshot_download(
            wanted.repo.name, revision=wanted.repo.revision, allow_patterns=list(wanted.files)
        )
    return Path(folder)


def _bundled(base: str) -> str:
    from hf_recipes.inference.base_model import BaseUnavailable, resolve_base

    try:
        return resolve_base(base, say=log.info)
    except BaseUnavailable as error:
        raise UnusableModel(f"{base}: {error}") from None


def _make_room(size: int, keep: tuple[str, ...]) -> None:
    """Let go of what other models left in the cache where the disk is too full. Raises Unusable."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(cache).free > size + memory.RESERVED:
        return
    try:
        found = scan_cache_dir(cache)
        here = sum(repo.size_on_disk for repo in found.repos if repo.repo_id in keep)
        old = [
            revision.commit_hash
            for repo in found.repos
            if repo.repo_id not in keep
            for revision in repo.revisions
        ]
        # On a person's own machine the cache is theirs, and whatever lies in it stays.
        if not os.environ.get("HF_RECIPES_COMPARE_ATTACHED"):
            found.delete_revisions(*old).execute()
    except CacheNotFound:
        here = 0
    free = shutil.disk_usage(cache).free
    if free + here < size:
        raise UnusableModel(
            f"{' and '.join(keep)} need {memory.size_in_words(size)} of disk, and {memory.size_in_words(free)} are free here."
        )
