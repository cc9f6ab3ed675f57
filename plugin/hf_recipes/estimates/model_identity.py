"""What a base model is, as far as decides whether it can be tuned: its architecture, its licence, who may have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hf_recipes.catalog.bundled import BUNDLED


@dataclass(frozen=True)
class Identity:
    """None is what is not known; `unasked` says of what could not be asked, why."""

    model_type: str | None = None
    own_code: bool = False
    """Whether its config names code that comes with it (`auto_map`)."""
    gated: bool | None = None
    access: bool | None = None
    """For a gated model: whether the logged-in account may read it."""
    license: str | None = None
    """The Hub's id for it, such as `apache-2.0`, or `other`."""
    license_name: str | None = None
    license_link: str | None = None
    unasked: Mapping[str, str] = field(default_factory=dict)


def offline(base_model: str) -> Identity | None:
    """What this disk says of a bundled model or of a folder; None for any other name. Never raises for what it reads."""
    if base_model in BUNDLED:
        known = BUNDLED[base_model]
        return Identity(known.model_type, gated=False, license=known.license)
    folder = Path(base_model)
    if not (folder.is_absolute() and folder.is_dir()):
        return None
    unasked = {"license": "a folder on this disk says nothing of it"}
    try:
        model_type, own_code = of_config(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        return Identity(
            gated=False,
            unasked={**unasked, "architecture": f"config.json cannot be read ({type(error).__name__})"},
        )
    if model_type is None:
        unasked["architecture"] = "config.json names no model_type"
    return Identity(model_type, own_code, gated=False, unasked=unasked)


def of_config(config: object) -> tuple[str | None, bool]:
    """(model type, whether it brings code of its own) of what stands in a config.json."""
    if not isinstance(config, Mapping):
        return None, False
    found = config.get("model_type")
    return (found if isinstance(found, str) and found else None), bool(config.get("auto_map"))
