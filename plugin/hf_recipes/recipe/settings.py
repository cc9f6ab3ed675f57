"""`--set params.lr=2e-4`: values laid over the tree of a recipe."""

from __future__ import annotations

from collections.abc import Callable

from hf_recipes.recipe.nodes import Entry, Map, Node, Scalar, Seq
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem
from hf_recipes.recipe.secrets import literal_tokens, printable
from hf_recipes.recipe.tree import parse_yaml

MAX_SETTING = 64 * 1024
"""Characters; the operating system allows about twice as many in one argument."""


def lay_over(root: Map, setting: str, report: Callable[[Problem], None]) -> Map:
    """The tree with one setting applied; the value is read as YAML. What cannot be applied is reported."""
    key, equals, text = setting.partition("=")
    key = key.strip()
    place = Place(f"--set {printable(key)}")
    for found in literal_tokens(setting, place.file):
        report(problem(place, found.code, found.message, found.hint))
    if not equals or not key or len(setting) > MAX_SETTING:
        report(problem(place, "bad-setting", "--set takes key=value", "such as --set params.lr=2e-4"))
        return root
    value = parse_yaml(text, place.file, report, at=place) if text.strip() else Scalar("", place)
    if value is None:
        return root
    # A key of the matrix is dotted itself: matrix.params.lr names its entry params.lr.
    path = key.split(".", 1 if key.startswith("matrix.") else -1)
    changed = placed(root, path, value, place, report)
    return changed if isinstance(changed, Map) else root


def placed(
    node: Node | None, path: list[str], value: Node, place: Place, report: Callable[[Problem], None]
) -> Node:
    """`node` with `value` at `path` under it; missing mappings are made."""
    if not path or len(path) > 20:
        return value
    if node is None or (isinstance(node, Scalar) and node.value is None):
        node = Map((), place)
    if isinstance(node, Map):
        entry = Entry(path[0], place, placed(node.get(path[0]), path[1:], value, place, report))
        if node.get(path[0]) is None:
            return Map((*node.entries, entry), node.place)
        # The key keeps its own place where only something below it changes.
        entries = (
            known
            if known.key != path[0]
            else (Entry(known.key, known.place, entry.node) if path[1:] else entry)
            for known in node.entries
        )
        return Map(tuple(entries), node.place)
    if (
        isinstance(node, Seq)
        and path[0].isascii()
        and path[0].isdecimal()
        and int(path[0][:6]) < len(node.items)
    ):
        at = int(path[0][:6])
        items = list(node.items)
        items[at] = placed(items[at], path[1:], value, place, report)
        return Seq(tuple(items), node.place)
    where = f"there is no {printable('.'.join(path))} here: the recipe has "
    report(
        problem(
            place, "bad-setting", where + ("a shorter list" if isinstance(node, Seq) else "a single value")
        )
    )
    return node
