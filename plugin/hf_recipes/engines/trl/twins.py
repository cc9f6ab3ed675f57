"""TRL's names in a recipe → the recipe's own: one name for each thing, wherever it is read afterwards."""

from __future__ import annotations

from hf_recipes.engines.trl.parameters import TWINS
from hf_recipes.recipe.check import Reading

DENYING = ("bf16", "fp16", "load_in_4bit", "load_in_8bit", "assistant_only_loss", "completion_only_loss")
"""What is false of these is said of one choice among others: it gives way to what is chosen."""


def settle(reading: Reading) -> None:
    """Puts what TRL's names say under the recipe's. A thing that is said twice is a problem at the second place."""
    written = sorted(
        (name for name in TWINS if f"params.{name}" in reading.places), key=lambda name: _where(reading, name)
    )
    values = {name: reading.values.pop(f"params.{name}", None) for name in written}
    chosen = [name for name in written if values[name] is not None and not _denies(name, values[name])]
    said_by: dict[str, str] = {}
    for name in chosen:
        ours = TWINS[name].name
        if f"params.{ours}" in reading.places:
            first, second = sorted((name, said_by.get(ours, ours)), key=lambda each: _where(reading, each))
            reading.report(
                f"params.{second}", "said-twice", f"params.{first} says it already", "leave one of them out"
            )
        else:
            _say(reading, name, values[name])
            said_by[ours] = name
    for name in written:
        if _denies(name, values[name]) and f"params.{TWINS[name].name}" not in reading.places:
            _say(reading, name, values[name])


def _say(reading: Reading, name: str, value: object) -> None:
    twin = TWINS[name]
    reading.values[f"params.{twin.name}"] = value if twin.values is None else twin.values[value]
    reading.places[f"params.{twin.name}"] = reading.places[f"params.{name}"]


def _denies(name: str, value: object) -> bool:
    return name in DENYING and value is False


def _where(reading: Reading, name: str) -> tuple[int, int]:
    place = reading.places[f"params.{name}"]
    return place.line, place.column
