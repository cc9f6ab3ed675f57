"""The two panes of a pair as they stand: waiting, being worked for, answering. Both always bear the names of their own pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rendering
from settings import PairSettings

WAITING = {"base": "The base answers here.", "fine-tuned": "The fine-tuned model answers here."}


def empty(pair: PairSettings, note: str | None = None) -> tuple[str, str]:
    """`note` stands where the answers will be, in place of what each says by itself."""
    base, tuned = (
        rendering.pane(which, name, note=WAITING[which] if note is None else note)
        for which, name in names(pair).items()
    )
    return base, tuned


def busy(pair: PairSettings, note: str, doing: str) -> tuple[str, str]:
    """`doing`: one word for what is done while there is no answer yet."""
    base, tuned = (rendering.pane(which, name, note=note, doing=doing) for which, name in names(pair).items())
    return base, tuned


def answers(pair: PairSettings, deltas: Mapping[str, Any], tokens: int) -> tuple[str, str]:
    """How far each model is; `tokens`: those of the prompt."""
    same = agree(deltas)
    base, tuned = (
        rendering.pane(
            which, name, deltas.get(which), prompt_tokens=tokens, limit=pair.max_new_tokens, same=same
        )
        for which, name in names(pair).items()
    )
    return base, tuned


def agree(deltas: Mapping[str, Any]) -> bool:
    """Whether both have answered, and the same: what fine-tuning has changed nothing for."""
    whole = [delta.text for delta in deltas.values() if delta.done and not delta.stopped]
    return len(whole) == 2 and whole[0] == whole[1]


def names(pair: PairSettings) -> dict[str, str]:
    return {"base": pair.base_name, "fine-tuned": pair.short_name}
