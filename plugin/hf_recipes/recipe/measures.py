"""What holds for `evaluate.metrics`: options of the right metric, what a metric can't do without, each metric once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hf_recipes.catalog.hardware import runs_here
from hf_recipes.recipe.check import Reading
from hf_recipes.recipe.fields import METRIC_OPTIONS, NEEDED_OPTIONS
from hf_recipes.recipe.spelling import nearest

DEFAULT = "exact_match"


def check_metrics(reading: Reading) -> None:
    """Adds a problem for every rule that the metrics break."""
    listed = reading.given("evaluate.metrics") and "evaluate.metrics" not in reading.misshapen
    if listed and "evaluate.metrics.0" not in reading.places:
        reading.report("evaluate.metrics", "out-of-range", "is empty", "name one, such as exact_match")
    seen: dict[str, str] = {}
    for key, name in metrics_named(reading):
        if name in seen:
            hint = "keep one; a report has one value for each metric"
            reading.report(key, "duplicate-key", f"{name} is given a second time", hint)
        seen.setdefault(name, key)
        written = _written(reading, f"{key}.options")
        for option in written:
            if option not in METRIC_OPTIONS[name]:
                reading.report(
                    f"{key}.options.{option}",
                    "unknown-key",
                    f"{name} has no such option",
                    _hint(name, option),
                )
        missing = [option for option in NEEDED_OPTIONS.get(name, ()) if option not in written]
        if missing:
            example = ", ".join(f"{option}: …" for option in NEEDED_OPTIONS[name])
            hint = f"write {{name: {name}, options: {{{example}}}}}"
            reading.report(key, "missing-key", f"{name} needs the options {' and '.join(missing)}", hint)
        if name == "sql_execution":
            _database(reading, f"{key}.options.database")


def metrics_named(reading: Reading) -> Iterator[tuple[str, str]]:
    """(key, metric) of each that is written and right, in order; none where the list is left out."""
    places = (key for key in reading.places if re.fullmatch(r"evaluate\.metrics\.\d+", key))
    for key in sorted(places, key=lambda key: int(key.rpartition(".")[2])):
        name = reading.values.get(key, reading.values.get(f"{key}.name"))
        if isinstance(name, str) and name in METRIC_OPTIONS:
            yield key, name


def metric_names(reading: Reading) -> list[str]:
    """The metrics that are written, or the one that is measured where none is. Those that are wrong are left out."""
    if not reading.given("evaluate.metrics"):
        return [DEFAULT]
    return [name for _, name in metrics_named(reading)]


def _written(reading: Reading, parent: str) -> list[str]:
    """The options that are written and known to some metric, right or not; others are reported already."""
    known = {option for options in METRIC_OPTIONS.values() for option in options}
    keys = (key[len(parent) + 1 :] for key in reading.places if key.startswith(f"{parent}."))
    return [key for key in keys if key in known]


def _hint(name: str, option: str) -> str:
    options = METRIC_OPTIONS[name]
    near = nearest(option, options)
    if near:
        return f"did you mean {near}?"
    others = ", ".join(metric for metric, theirs in METRIC_OPTIONS.items() if option in theirs)
    has = f"its options are {', '.join(options)}" if options else "it has none"
    return f"{has}; {option} is of {others}"


def _database(reading: Reading, key: str) -> None:
    database = reading.values.get(key)
    if not isinstance(database, str):
        return
    try:
        there = (reading.folder / Path(database).expanduser()).is_file()
    except (OSError, ValueError, RuntimeError):
        there = False
    backend = reading.values.get("backend")
    if not there:
        reading.report(key, "not-found", "no such file", "relative paths count from the recipe's folder")
    elif isinstance(backend, str) and not runs_here(backend):
        hint = "leave it out where the messages hold CREATE TABLE statements, or use backend: local"
        reading.report(key, "not-there", f"a file of this machine is not there on {backend}", hint)
