"""What the Hub says about a base model: may it be had, what is it, under which licence. Two requests; nothing is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.estimates.model_identity import Identity, of_config, offline
from hf_recipes.hub.account import api
from hf_recipes.hub.errors import HubFailed, hub_errors
from hf_recipes.recipe.model import Recipe

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ASKED = ("gated", "architecture", "license")


def identity_of(recipe: Recipe, client: HfApi | None = None) -> Identity:
    """From this disk for what lies there, else from the Hub. What could not be asked is named with the reason; never raises HubFailed."""
    here = offline(recipe.base_model)
    if here is not None:
        return here
    try:
        return _ask(recipe.base_model, client or api())
    except HubFailed as failure:
        why = f"the Hub did not say: {failure}"
        # A config in the Hub's cache tells what it is all the same.
        model_type, own_code = _cached(recipe.base_model)
        unasked = {what: why for what in ASKED if model_type is None or what != "architecture"}
        return Identity(model_type, own_code, unasked=unasked)


def _ask(repo: str, client: HfApi) -> Identity:
    with hub_errors(f"asking about {repo}"):
        info = client.model_info(repo, timeout=10)
    card: Any = info.card_data or {}
    gated = bool(info.gated)
    access = _access(repo, client) if gated else None
    config: Any = info.config or {}
    model_type, own_code = of_config(config)
    license = card.get("license")
    unasked = {} if model_type else {"architecture": "its config.json names no model_type, or it has none"}
    return Identity(
        model_type,
        own_code,
        gated=gated,
        access=access,
        license=license if isinstance(license, str) else None,
        license_name=_text(card.get("license_name")),
        license_link=_text(card.get("license_link")),
        unasked=unasked,
    )


def _access(repo: str, client: HfApi) -> bool:
    """Whether the logged-in account may read the files of a gated repo."""
    try:
        with hub_errors(f"asking for access to {repo}"):
            client.auth_check(repo)
    except HubFailed as failure:
        if failure.transient:
            raise
        return False
    return True


def _cached(repo: str) -> tuple[str | None, bool]:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        path = try_to_load_from_cache(repo, "config.json")
        return (
            of_config(json.loads(Path(path).read_text("utf-8"))) if isinstance(path, str) else (None, False)
        )
    except (HFValidationError, OSError, ValueError):
        return None, False


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
