"""`hf-recipes run` with several recipes, or with a matrix: one table of all runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hf_recipes.api.batch import Look
from hf_recipes.api.checked import CheckedRecipe
from hf_recipes.catalog.hardware import runs_here
from hf_recipes.cli.arguments import run_reference
from hf_recipes.cli.errors import FAILED, INTERRUPTED
from hf_recipes.cli.output import console, document, result, say
from hf_recipes.cli.progress import event_in_words
from hf_recipes.estimates.prices import Cost

if TYPE_CHECKING:
    from rich.table import Table

SECONDS_BETWEEN_LINES = 15.0


def fan_out(
    made: Sequence[CheckedRecipe],
    costs: Sequence[Cost | None],
    *,
    runs_dir: Path,
    detach: bool,
    as_json: bool,
) -> int:
    """Run them all; returns the exit code."""
    from hf_recipes.api import batch, lifecycle

    runs = batch.create_runs(made, runs_dir=runs_dir, costs=costs)
    code = _detach(runs) if detach else _follow(runs)
    if as_json:
        document([lifecycle.run_as_json(run) for run in runs])
    elif detach and not code:
        for run in runs:
            result(run.name)
        say("follow them with: hf-recipes list, hf-recipes logs -f RUN")
    else:
        _print_outcomes(runs)
    return code


def _detach(runs: Sequence[Path]) -> int:
    from hf_recipes import record
    from hf_recipes.api import batch
    from hf_recipes.record.state import State

    try:
        batch.detach(runs, say=say)
    except BaseException:
        batch.stop(runs)
        raise
    elsewhere = (state for state in map(record.read_state, runs) if not runs_here(state.backend))
    return FAILED if any(state.state is State.FAILED for state in elsewhere) else 0


def _follow(runs: Sequence[Path]) -> int:
    from hf_recipes.api import batch

    say(f"{len(runs)} runs")
    looks = batch.watch(runs, say=say)
    try:
        _live(looks) if sys.stderr.isatty() else _lines(looks)
    except KeyboardInterrupt:
        say("stopping the runs on this machine …")
        for run in batch.stop(runs):
            say(
                f"{run.name} goes on elsewhere: hf-recipes logs -f {run_reference(run)}, hf-recipes cancel {run_reference(run)}"
            )
        return INTERRUPTED
    except BaseException:
        batch.stop(runs)
        raise
    return FAILED if batch.failed(runs) else 0


def _live(looks: Iterable[list[Look]]) -> None:
    from rich.live import Live

    with Live(console=console(stderr=True), refresh_per_second=4) as live:
        for found in looks:
            live.update(_table(found))


def _table(found: Sequence[Look]) -> Table:
    from rich.table import Column, Table

    # Ids are there to be copied: they are never cut.
    run = Column("run", min_width=max(len(look.run.name) for look in found))
    table = Table(run, "backend", "state", "now", box=None, pad_edge=False)
    for look in found:
        table.add_row(look.run.name, look.state.backend, look.state.state.value, _now(look))
    return table


def _now(look: Look) -> str:
    if look.over:
        return str(look.error or look.state.message)
    if look.event is None or look.event.get("stage") != look.state.stage:
        return (look.state.stage or "waiting") + (f": {look.state.message}" if look.state.message else "")
    return event_in_words(look.event)


def _lines(looks: Iterable[list[Look]]) -> None:
    """Where stderr is no terminal: a line when a run's stage changes, and one each now and then."""
    import time

    seen: dict[Path, tuple[object, ...]] = {}
    spoken: dict[Path, float] = {}
    for found in looks:
        for look in found:
            stage = (look.state.state, look.state.stage, look.over)
            if seen.get(look.run) == stage and (
                look.over or look.event is None or time.monotonic() - spoken[look.run] < SECONDS_BETWEEN_LINES
            ):
                continue
            seen[look.run], spoken[look.run] = stage, time.monotonic()
            say(f"{look.run.name}: {look.state.state.value}: {_now(look)}".removesuffix(": "))


def _print_outcomes(runs: Sequence[Path]) -> None:
    """One line a run: its state and what it measured, or why it failed."""
    from rich.table import Column, Table

    from hf_recipes.api import lifecycle
    from hf_recipes.evaluation.findings import warning_sentences
    from hf_recipes.evaluation.rounding import share

    names = Column("run", min_width=max(len(run.name) for run in runs))
    table = Table(names, "state", "fine-tuned", "message", box=None, pad_edge=False)
    for run in runs:
        # The report of a run elsewhere has been downloaded, too.
        shown: dict[str, Any] = dict(lifecycle.run_as_json(run))
        measured = {
            key.removeprefix("fine-tuned/"): value
            for key, value in shown["metrics"].items()
            if key.startswith("fine-tuned/")
        }
        unmet = [f"{gate.get('metric')} is not {gate.get('bound')}" for gate in lifecycle.gate_unmet(run)]
        table.add_row(
            run.name,
            shown["state"],
            ", ".join(f"{name} {share(value)}" for name, value in measured.items()),
            "; ".join(
                filter(
                    None,
                    [
                        *(f"warning: {said}" for said in warning_sentences(shown)),
                        str(shown["message"]),
                        *unmet,
                    ],
                )
            ),
        )
    console(stderr=False).print(table)
