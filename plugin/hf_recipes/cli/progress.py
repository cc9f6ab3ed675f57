"""The progress of a run on a terminal: one bar a stage; plain lines where stderr is not a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hf_recipes.cli.output import console, say
from hf_recipes.record.state import RunState

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Look = tuple[RunState, Sequence[Mapping[str, object]]]
SECONDS_BETWEEN_LINES = 15.0


def show_progress(looks: Iterable[Look]) -> RunState:
    """Show a run until it has ended; returns its last state."""
    return _bars(looks) if sys.stderr.isatty() else _lines(looks)


def event_in_words(event: Mapping[str, object]) -> str:
    """One event in words: `train 12/102  loss 1.234  lr 2.0e-04  3:20 left`, `few-shot 64/320  5.2 rows/s  0:49 left`."""
    label = str(event.get("what") or event.get("stage") or "")
    parts = [f"{label} {event['step']}/{event['total']}" if "total" in event else label]
    if isinstance(loss := event.get("loss"), (int, float)):
        parts.append(f"loss {loss:.4g}")
    if isinstance(rate := event.get("lr"), (int, float)):
        parts.append(f"lr {rate:.1e}")
    if isinstance(speed := event.get("rate"), (int, float)):
        parts.append(f"{speed:.3g} {event.get('unit') or 'rows'}/s")
    if isinstance(eta := event.get("eta"), (int, float)):
        parts.append(f"{int(eta) // 60}:{int(eta) % 60:02d} left")
    return "  ".join(parts)


def _lines(looks: Iterable[Look]) -> RunState:
    spoken, told = 0.0, ""
    for state, events in looks:
        # A run elsewhere also says what its container is about.
        now = f"{state.stage or 'waiting'}" + (f": {state.message}" if state.message else "")
        if now not in (told, "waiting") and not state.state.finished:
            told, spoken = now, 0.0
            say(f"{state.state.value}: {now}")
        # Not of a stage that is over by now: its last step would read as the first of this one.
        told_now = [event for event in events if event.get("stage") == state.stage]
        if told_now and time.monotonic() - spoken > SECONDS_BETWEEN_LINES:
            spoken = time.monotonic()
            say("  " + event_in_words(told_now[-1]))
    return state


def _bars(looks: Iterable[Look]) -> RunState:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:18}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
    )
    bars: dict[str, TaskID] = {}
    # Loss and step come in different events: the last of each is kept so that the line does not flicker.
    numbers: dict[str, dict[str, object]] = {}
    seen: set[str] = set()
    with Progress(*columns, console=console(stderr=True)) as progress:
        for state, events in looks:
            stage = state.stage or state.state.value
            waiting = [] if stage in seen or state.state.finished else [{"stage": stage}]
            seen.add(stage)
            for event in events or waiting:
                name = str(event.get("what") or event["stage"])
                if name not in bars:
                    for before in bars.values():
                        _fill(progress, before)
                    bars[name] = progress.add_task(name, total=None, words="")
                numbers[name] = {**numbers.get(name, {}), **event, "what": "", "stage": ""}
                total, step = numbers[name].get("total"), numbers[name].get("step")
                progress.update(
                    bars[name],
                    total=float(str(total)) if total is not None else None,
                    completed=float(str(step or 0)),
                    words=event_in_words(numbers[name]).strip(),
                )
            if stage in bars and "total" not in numbers[stage] and state.message and not state.state.finished:
                progress.update(bars[stage], words=state.message)  # what a container elsewhere is about
    return state


def _fill(progress: Progress, bar: TaskID) -> None:
    """A stage that is over shows as full, also one that never said how long it was."""
    total = progress.tasks[bar].total or 1.0
    progress.update(bar, total=total, completed=total)
    progress.stop_task(bar)
