"""How a run goes: events, numbers, log."""

from __future__ import annotations

import codecs
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_recipes.record.settle import read_state
from hf_recipes.record.state import RunState
from hf_recipes.record.trained import trains_nothing
from hf_recipes.runner.files import parsed, read_json

SECONDS = 0.25
"""Between two looks at a run that goes on."""
NO_JOB = "job.json is missing: the run can be looked at, not measured, shown or pushed"
RECEIPT = "push.json"
"""In the run's folder: where its model was pushed."""
LONGEST_EVENT = 1 << 17
"""More bytes than an event has."""
LATEST = ("step", "total", "epoch", "loss", "lr", "eval_loss", "train_loss", "train_runtime")


def events(run: Path) -> list[dict[str, Any]]:
    """What the runner has noted, oldest first; a line that was cut short is passed over."""
    return list(_each_event(run))


def last_event(run: Path) -> dict[str, Any] | None:
    """The newest event, read from the end: a long run has very many, and who watches it asks again and again."""
    try:
        with (run / "events.jsonl").open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LONGEST_EVENT))
            lines = file.read(LONGEST_EVENT).decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return None
    whole = lines[1 if size > LONGEST_EVENT else 0 : -1]
    return next(_events(reversed(whole)), None)


def run_metrics(run: Path) -> dict[str, Any]:
    """The last value of each training number and, of a run with a report, each method's `<method>/<metric>`."""
    latest: dict[str, Any] = {}
    for event in _each_event(run):
        # One with words is a step of our own around training: fetching a base, checking the weights.
        if event.get("stage") == "train" and not event.get("what"):
            latest.update({name: event[name] for name in LATEST if name in event})
    return {**{name: latest[name] for name in LATEST if name in latest}, **_reported(run)}


def record_as_json(run: Path) -> dict[str, Any]:
    """The document of `status` and `list`."""
    state = read_state(run)
    model = run / "model"
    return {
        "id": state.id,
        "state": state.state.value,
        "stage": state.stage,
        "reason": state.reason,
        "message": state.message
        if (run / "job.json").is_file()
        else f"{NO_JOB}; {state.message}".rstrip("; "),
        "run_dir": str(run.absolute()),
        "model_dir": str(model.absolute()) if model.is_dir() else None,
        "backend": state.backend,
        "metrics": run_metrics(run),
        **({"trained": False} if trains_nothing(run) else {}),
        **_receipt(run),
    }


def watch(run: Path) -> Iterator[tuple[RunState, Sequence[Mapping[str, Any]]]]:
    """The state of a run with the events since the last look, until it has ended."""
    tail = Tail(run / "events.jsonl")
    while True:
        state = read_state(run)  # before the events, so that the last look misses none
        yield state, list(_events(tail.lines()))
        if state.state.finished:
            return
        time.sleep(SECONDS)


def follow_log(run: Path) -> Iterator[str]:
    """The log from its beginning and as it grows, in pieces of text, until the run has ended."""
    tail = Tail(run / "train.log")
    while True:
        finished = read_state(run).state.finished
        while text := tail.text():
            yield text
        if finished:
            return
        time.sleep(SECONDS)


class Tail:
    """Reads what is appended to a file that may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path, self._position, self._rest = path, 0, ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def text(self) -> str:
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read(1 << 20)
        except FileNotFoundError:
            return ""
        self._position += len(data)
        return self._decoder.decode(data)

    def lines(self) -> Iterator[str]:
        """Whole lines only; the beginning of one waits for its end. Taken one by one, millions need no room."""
        while text := self.text():
            *whole, self._rest = (self._rest + text).split("\n")
            yield from whole


def _each_event(run: Path) -> Iterator[dict[str, Any]]:
    return _events(Tail(run / "events.jsonl").lines())


def _events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            event = parsed(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def _receipt(run: Path) -> dict[str, Any]:
    """Where the model was pushed; a receipt that cannot be read says nothing."""
    try:
        return {"model_repo": read_json(run / RECEIPT)["repo"]}
    except (OSError, ValueError, KeyError):
        return {}


def _reported(run: Path) -> dict[str, float]:
    try:
        methods = read_json(run / "report" / "report.json")["methods"]
        return {
            f"{method}/{metric}": float(measured["value"])
            for method, entry in methods.items()
            for metric, measured in entry["metrics"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
