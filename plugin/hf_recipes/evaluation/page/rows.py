"""The test rows as the page holds them: JSON in the page, of which its script shows a few at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hf_recipes.evaluation.answers import EvaluationFailed

FILE = "rows.jsonl"
TEXT_LIMIT = 20_000
"""Characters of one text that the page shows."""
PROMPTS_LIMIT = 20_000_000
"""Characters of prompts beside the rows' own, such as passages that were retrieved. What is beyond stays in rows.jsonl."""
UNSAFE = re.compile(r"[<>&\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What could end the element that the JSON stands in, or be no text in a file."""


def read_rows(file: Path) -> list[Mapping[str, Any]] | None:
    """The lines of rows.jsonl; None where there is no such file. Raises EvaluationFailed."""
    if not file.is_file():
        return None
    rows = []
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            row.setdefault("messages", [])  # where the questions were not recorded
            row["row"], row["reference"], row["answers"].items()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise EvaluationFailed(f"{file.name}, line {number}, is not a test row.") from None
        rows.append(row)
    return rows


def rows_document(
    rows: Iterable[Mapping[str, Any]], metrics: Mapping[str, str], methods: Mapping[str, str]
) -> str:
    """JSON that may stand in a script element: `{"metrics", "methods", "texts", "cut", "rows"}`, the first two name → what people read.

    A row is {"r": number, "m": messages, "e": expected, "a": {method: {"t": answer, "s": {metric: value}, "p": messages}}};
    texts are given by their place in `texts`, where the same text stands once: prompts repeat themselves.
    """
    texts = _Texts()
    packed, prompts, cut = [], 0, False
    for row in rows:
        answers = {}
        for method, answer in row["answers"].items():
            answers[method] = {"t": texts.place(answer["answer"]), "s": _rounded(answer.get("scores") or {})}
            if answer.get("prompt"):
                if prompts > PROMPTS_LIMIT:
                    cut = True
                    continue
                before = texts.size
                answers[method]["p"] = texts.messages(answer["prompt"])
                prompts += texts.size - before
        packed.append(
            {
                "r": row["row"],
                "m": texts.messages(row["messages"]),
                "e": texts.place(row["reference"]),
                "a": answers,
            }
        )
    found = {"metrics": dict(metrics), "methods": dict(methods), "texts": texts.all, "cut": cut, "rows": packed}  # fmt: skip
    written = json.dumps(found, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return UNSAFE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", written)


class _Texts:
    def __init__(self) -> None:
        self.all: list[str] = []
        self.size = 0
        self._places: dict[str, int] = {}

    def place(self, value: object) -> int:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        if len(text) > TEXT_LIMIT:
            text = f"{text[:TEXT_LIMIT]} [{len(text) - TEXT_LIMIT:,} more characters stand in {FILE}]"
        if text not in self._places:
            self._places[text] = len(self.all)
            self.all.append(text)
            self.size += len(text)
        return self._places[text]

    def messages(self, found: Iterable[Mapping[str, Any]]) -> list[tuple[str, int]]:
        return [(str(item.get("role") or ""), self.place(item.get("content") or "")) for item in found]


def _rounded(scores: Mapping[str, Any]) -> dict[str, float]:
    # A value below 1 must not be rounded up to it: 1 is right.
    return {name: int(value * 10_000) / 10_000 for name, value in scores.items() if value is not None}
