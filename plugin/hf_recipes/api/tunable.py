"""Can this base be tuned by this engine, for this recipe? Pure: what is known goes in, reasons come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

from hf_recipes.catalog.licenses import LICENSES
from hf_recipes.estimates.base_files import UnusableBase
from hf_recipes.estimates.model_identity import Identity
from hf_recipes.recipe.model import Recipe


@dataclass(frozen=True)
class TunableReason:
    kind: str
    """gated, architecture, license, size, base (what does not load), or the code of what is wrong with its files."""
    sentence: str


@dataclass(frozen=True)
class Tunability:
    reasons: tuple[TunableReason, ...] = ()
    """Why it cannot be tuned; none: nothing stands against it."""
    notes: tuple[str, ...] = ()
    """What holds all the same, such as the terms of its licence."""
    unasked: Mapping[str, str] = field(default_factory=dict)
    """What could not be asked → why."""

    @property
    def tunable(self) -> bool | None:
        """None: there is no reason against it, but not everything could be asked. A missing licence does not change that."""
        if self.reasons:
            return False
        return None if {"gated", "architecture", "size", "rows"} & set(self.unasked) else True


def judge_tunability(
    recipe: Recipe,
    base: Identity,
    *,
    architecture: str | None = None,
    size: str | None = None,
    unsized: str | None = None,
    refused: str | None = None,
    untried: str | None = None,
) -> Tunability:
    """`architecture`: why the engine cannot load this kind of model; `size`: why it is too large for every hardware listed; `unsized`: why its size is not known; `refused`: why its tokenizer
    or its config does not load here; `untried`: why no row could be put into its chat template."""
    reasons = [*_gated(recipe, base), *_license_forbids(base)]
    if architecture:
        reasons.append(TunableReason("architecture", architecture))
    if isinstance(unsized, UnusableBase):
        reasons.append(TunableReason(unsized.code, str(unsized)))
    if refused and not isinstance(unsized, UnusableBase):
        reasons.append(TunableReason("base", refused))
    if size:
        reasons.append(TunableReason("size", size))
    unasked = {
        **base.unasked,
        **({"size": str(unsized)} if unsized else {}),
        **({"rows": untried} if untried else {}),
    }
    return Tunability(tuple(reasons), tuple(_notes(base)), unasked)


def reasons_as_json(found: Tunability) -> dict[str, object]:
    return {
        "tunable": found.tunable,
        "reasons": [asdict(reason) for reason in found.reasons],
        "notes": list(found.notes),
        "unasked": dict(found.unasked),
    }


def _gated(recipe: Recipe, base: Identity) -> Iterator[TunableReason]:
    if base.gated and base.access is False:
        yield TunableReason(
            "gated",
            f"it is gated and you have no access: ask for it on the page of {recipe.base_model}, then set HF_TOKEN or type hf auth login",
        )


def _license_forbids(base: Identity) -> Iterator[TunableReason]:
    known = LICENSES.get(base.license or "")
    if known is not None and not known.derivatives:
        yield TunableReason("license", f"its licence, {known.name}, forbids it: {known.says}; {known.source}")


def _notes(base: Identity) -> Iterator[str]:
    if base.gated and base.access:
        yield "it is gated, and you have access"
    if base.license is None:
        if "license" not in base.unasked:
            yield "its card names no licence"
        return
    known = LICENSES.get(base.license)
    if known is not None:
        yield f"licence: {known.name}: {known.says} ({known.source})"
        return
    named = " ".join(filter(None, (base.license_name or base.license, base.license_link)))
    yield f"licence: {named}: not one that is known here, so what it says about derivatives is yours to read"
