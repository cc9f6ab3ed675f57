"""Whether a base that is a folder is a model of the Hub: proven by the hashes of its weights, never by what it calls itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hf_recipes.catalog.hub_ids import HUB_ID
from hf_recipes.hub.errors import HubFailed, hub_errors, retrying
from hf_recipes.hub.publish.facts import Facts
from hf_recipes.inference.fingerprint import fingerprint, sha256, weight_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CACHED = "models--"
"""What the folder of a model in the Hub's cache begins with."""


def with_proven_base(facts: Facts, client: HfApi) -> Facts:
    """The facts with the Hub's name of the base, where the Hub has the very weights of its folder; else as they are."""
    folder = facts.base_folder
    if facts.base_on_hub or folder is None:
        return facts
    files = weight_files(folder)
    if not files or fingerprint(files) != facts.base_fingerprint:
        return facts  # these are no longer the weights that it was trained from
    name = next((repo for repo in _candidates(folder) if _same_weights(repo, files, client)), None)
    if name is None:
        return facts
    places = {place: name if said == facts.base_model else said for place, said in facts.places.items()}
    return replace(facts, base_model=name, base_on_hub=True, places=places)


def _candidates(folder: Path) -> Iterator[str]:
    """What the folder may be a copy of: the cache says it in a path, and transformers wrote it into a config."""
    for part in folder.parts:
        if part.startswith(CACHED):
            yield part.removeprefix(CACHED).replace("--", "/")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        named = config.get("_name_or_path")
    except (OSError, ValueError, AttributeError):
        return
    if isinstance(named, str) and "/" in named and HUB_ID.fullmatch(named):
        yield named


def _same_weights(name: str, files: list[Path], client: HfApi) -> bool:
    """Whether the repo's safetensors files are these and no others, byte for byte. What the Hub does not tell is no proof."""
    try:
        with hub_errors(f"looking at {name}"):
            info = retrying(lambda: client.model_info(name, files_metadata=True))
    except HubFailed:
        return False
    theirs = {
        sibling.rfilename: (sibling.lfs.size, sibling.lfs.sha256) if sibling.lfs else None
        for sibling in info.siblings or ()
        if "/" not in sibling.rfilename and sibling.rfilename.endswith(".safetensors")
    }
    if theirs.keys() != {file.name for file in files}:
        return False
    sizes = {name: said[0] if said else None for name, said in theirs.items()}
    if any(sizes[file.name] != file.stat().st_size for file in files):
        return False  # known before gigabytes are hashed
    return all((said := theirs[file.name]) is not None and said[1] == sha256(file) for file in files)
