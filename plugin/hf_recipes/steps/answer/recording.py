"""The files that the answer step writes: rows go to disk as they come, whatever their order, and none is kept."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from hf_recipes.runner.files import write_json

NOTES = "notes.json"
"""In answers/: {method: the sentence why it has no answers}."""
FORGETTING = "forgetting.json"


def write_questions(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """answers/questions.jsonl: what was asked and what was expected, a test row a line."""
    folder.mkdir(exist_ok=True)
    path = folder / "questions.jsonl"
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for row in rows:
            question = {name: row[name] for name in ("row", "messages", "reference")}
            file.write(json.dumps(question, ensure_ascii=False) + "\n")
    part.replace(path)


def forget_others(folder: Path, methods: Iterable[str]) -> None:
    """Remove what an earlier evaluation recorded of methods that this one does not ask: a report is of one evaluation."""
    wanted = set(methods)
    for summary in folder.glob("*.json"):
        rows = summary.with_suffix(".jsonl")
        if rows.is_file() and rows.stem not in wanted:
            rows.unlink()
            summary.unlink()
    for name in (NOTES, FORGETTING):
        (folder / name).unlink(missing_ok=True)


def answer_record(
    method: str, row: Mapping[str, Any], prompt: Any, sources: Sequence[str], answer: Any
) -> dict[str, Any]:
    """One line of answers/<method>.jsonl. `prompt` is recorded where it is not the row's own question; `sources` are the ids
    of what was looked up for it. `reasoning` is what was generated before the answer: no metric looks at it."""
    found = {
        "row": row["row"],
        "method": method,
        "answer": answer.text,
        "reference": row["reference"],
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "seconds": answer.seconds,
        "weights": answer.weights,
    }
    if prompt != row["messages"]:
        found["prompt"] = prompt
    if answer.reasoning:
        found["reasoning"] = answer.reasoning
    if sources:
        found["sources"] = list(sources)
    if answer.cached:
        found["cached"] = True
    if answer.cut:
        found["cut"] = True
    return found


class AnswerFile:
    """<method>.jsonl in the making: a .part file in the order of answering, at the end put into that of the rows."""

    def __init__(self, folder: Path, method: str, count: int) -> None:
        self._folder, self._method = folder, method
        self._part = folder / f"{method}.jsonl.part"
        self._starts = array("q", [-1]) * count
        self._file: IO[bytes] = self._part.open("wb")
        self._seconds, self._cached, self._cut, self._weights = 0.0, 0, 0, ""

    def __enter__(self) -> AnswerFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, place: int, record: Mapping[str, Any]) -> None:
        self._starts[place] = self._file.tell()
        self._file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self._seconds += record["seconds"]
        self._cached += bool(record.get("cached"))
        self._cut += bool(record.get("cut"))
        self._weights = record["weights"]

    def finish(self, **settings: object) -> None:
        """Every row has been added: put them in order, and write the summary beside them."""
        self._file.close()
        ordered = self._folder / f"{self._method}.jsonl.new"
        with self._part.open("rb") as found, ordered.open("wb") as file:
            for start in self._starts:
                found.seek(start)
                file.write(found.readline())
        ordered.replace(self._folder / f"{self._method}.jsonl")
        self._part.unlink()
        summary = {
            "method": self._method,
            "rows": len(self._starts),
            "cached": self._cached,
            "cut": self._cut,
            "seconds": round(self._seconds, 3),
            "weights": self._weights,
            **settings,
        }
        write_json(self._folder / f"{self._method}.json", summary)
