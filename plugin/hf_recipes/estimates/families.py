"""Families of base models on the Hub, by size: the one place that names them.

Chat models whose architecture transformers 4.48 knows. Parameters are those that each model's page states.
"""

from __future__ import annotations

from dataclasses import dataclass

from hf_recipes.catalog.bundled import BUNDLED

SMALL = 1_000_000_000
"""Parameters below which a base counts as small."""


@dataclass(frozen=True)
class Member:
    model: str
    parameters: int

    @property
    def size(self) -> str:
        """`360M` or `1.7B`."""
        return f"{self.parameters / 1e6:.0f}M" if self.parameters < 1e9 else f"{self.parameters / 1e9:.2g}B"


def _family(prefix: str, suffix: str, **millions: int) -> tuple[Member, ...]:
    """Each member is called `prefix`, its size, `suffix`."""
    return tuple(
        Member(f"{prefix}{size.removeprefix('_').replace('_', '.')}{suffix}", count * 1_000_000)
        for size, count in millions.items()
    )


FAMILIES: tuple[tuple[Member, ...], ...] = (
    _family("HuggingFaceTB/SmolLM2-", "-Instruct", _135M=135, _360M=362, _1_7B=1711),
    _family("HuggingFaceTB/SmolLM2-", "", _135M=135, _360M=362, _1_7B=1711),
    _family("Qwen/Qwen2.5-", "-Instruct", _0_5B=494, _1_5B=1544, _3B=3086, _7B=7616, _14B=14770, _32B=32764),
    _family("Qwen/Qwen2.5-", "", _0_5B=494, _1_5B=1544, _3B=3086, _7B=7616, _14B=14770, _32B=32764),
    _family("Qwen/Qwen2.5-Coder-", "-Instruct", _0_5B=494, _1_5B=1544, _3B=3086, _7B=7616, _14B=14770, _32B=32764),
    _family("meta-llama/Llama-3.2-", "-Instruct", _1B=1236, _3B=3213),
    _family("meta-llama/Llama-3.2-", "", _1B=1236, _3B=3213),
    _family("google/gemma-2-", "-it", _2b=2614, _9b=9242, _27b=27227),
    _family("google/gemma-2-", "", _2b=2614, _9b=9242, _27b=27227),
)  # fmt: skip


def larger(base_model: str, most: int = 2) -> tuple[Member, ...]:
    """The next sizes of a base's family, the smallest first; none where the family is not known, or ends there."""
    name = (BUNDLED[base_model].hub_id if base_model in BUNDLED else base_model).lower()
    for family in FAMILIES:
        names = [member.model.lower() for member in family]
        if name in names:
            place = names.index(name) + 1
            return family[place : place + most]
    return ()
