"""What this visitor asked before: each question with both answers and who gave them, the latest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import panes
import rendering
from settings import PairSettings

KEPT = 20
ONE_LINE = 110


@dataclass(frozen=True)
class Answered:
    pair: PairSettings
    typed: str
    deltas: Mapping[str, Any]
    """How both ended."""


def shown(answered: Sequence[Answered]) -> str:
    """Oldest first in, latest first out. Empty without any. Everything is escaped."""
    if not answered:
        return ""
    questions = "".join(_question(question) for question in reversed(answered))
    return f'<section class="hr-eval hr-earlier"><h2>Asked before</h2>{questions}</section>'


def _question(answered: Answered) -> str:
    line = " ".join(answered.typed.split())
    line = line if len(line) <= ONE_LINE else line[:ONE_LINE] + " …"
    names = panes.names(answered.pair)
    told = "same answer" if panes.agree(answered.deltas) else ""
    answers = "".join(
        f'<div class="said {which}"><h3>{rendering.kind_label(which)}<span class="name">{escape(names[which])}</span>'
        f"{rendering.COPY}</h3>{_text(delta)}</div>"
        for which, delta in sorted(answered.deltas.items())
    )
    return (
        f'<details><summary><span class="asked">{escape(line)}</span><span class="by">{escape(names["fine-tuned"])}'
        f'{" · " + told if told else ""}</span></summary><p class="asked">{escape(answered.typed)}</p>'
        f'<div class="answers">{answers}</div></details>'
    )


def _text(delta: Any) -> str:
    stopped = " <i>(stopped)</i>" if delta.stopped else ""
    before = rendering.reasoning(delta)
    if not delta.text.strip():
        return f'{before}<p class="text" data-text="">{stopped or "<i>(an empty answer)</i>"}</p>'
    return f'{before}<p class="text" data-text="{escape(delta.text)}">{escape(delta.text)}{stopped}</p>'
