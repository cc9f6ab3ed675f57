"""Whether a trainer knows a base's kind of model."""

from __future__ import annotations

from collections.abc import Collection

from hf_recipes.estimates.model_identity import Identity


def unknown_kind(
    base: Identity, known: Collection[str], loader: str, *, trust_remote_code: bool
) -> str | None:
    """Why it is not loaded, in a sentence; None where it is, or where its kind is not known. `loader` is what would load it."""
    if base.model_type is None or base.model_type in known:
        return None
    if base.own_code and trust_remote_code:
        return None
    brings = (
        "; it brings code of its own, which runs with trust_remote_code: true alone" if base.own_code else ""
    )
    return f"its architecture ({base.model_type}) is not among the {len(known)} that {loader} loads{brings}"
