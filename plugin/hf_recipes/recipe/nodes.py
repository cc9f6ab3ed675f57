"""What YAML says, as frozen values that know their place."""

from __future__ import annotations

from dataclasses import dataclass

from hf_recipes.recipe.place import Place


@dataclass(frozen=True)
class Odd:
    """A value that no key of a recipe can hold; a problem has been reported already."""


@dataclass(frozen=True)
class Scalar:
    """`size` counts a node and all below it, aliases unfolded; `height` the levels below it."""

    value: str | int | float | bool | Odd | None
    place: Place
    size: int = 1
    height: int = 0


@dataclass(frozen=True)
class Entry:
    key: str
    place: Place
    node: Node


@dataclass(frozen=True)
class Map:
    entries: tuple[Entry, ...]
    place: Place
    size: int = 1
    height: int = 0

    def get(self, key: str) -> Node | None:
        return next((entry.node for entry in self.entries if entry.key == key), None)


@dataclass(frozen=True)
class Seq:
    items: tuple[Node, ...]
    place: Place
    size: int = 1
    height: int = 0


Node = Scalar | Map | Seq
