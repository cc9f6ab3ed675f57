"""YAML text → a tree of values that know their place, under bounds that no file can push us past.

The tree is built from PyYAML's events: its own composer recurses without bound and unfolds aliases.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from hf_recipes.recipe.nodes import Entry, Map, Node, Odd, Scalar, Seq
from hf_recipes.recipe.pasted import ODD, STRAIGHT, cleaned_key, name_of, odd_value
from hf_recipes.recipe.place import Place, problem
from hf_recipes.recipe.problem import Problem
from hf_recipes.recipe.secrets import escaped_secrets, literal_token, printable
from hf_recipes.recipe.syntax import MAX_DEPTH, not_yaml, quote

MAX_BYTES = 1 << 20
MAX_NODES = 5_000
"""Counted with every alias unfolded."""
MAX_NUMBER = 100
"""Characters: longer ones cost quadratic time to convert."""

Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
STANDARD = "tag:yaml.org,2002:"


class _Stop(Exception):
    """Reading cannot go on; the problem has been reported."""


def parse_yaml(
    text: str, file: str, report: Callable[[Problem], None], at: Place | None = None
) -> Node | None:
    """The only document of `text`, or None where there is none that can be used. Reports every problem it meets.

    `at` is given to every node when the text does not stand in a file.
    """
    try:
        builder = _Builder(text, file, report, at)
        document = builder.document()
        for odd in builder.odd:  # of what is no YAML the line is told that it breaks at
            report(odd)
        return document
    except _Stop:
        return None
    except yaml.MarkedYAMLError as error:
        report(not_yaml(error, text, file, at))
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        place = at or Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        report(problem(place, "yaml-syntax", "a character that YAML does not allow", "remove it"))
    except (yaml.YAMLError, ValueError):
        report(problem(at or Place(file), "yaml-syntax", "not YAML"))
    return None


@dataclass
class _Builder:
    text: str
    file: str
    report: Callable[[Problem], None]
    at: Place | None
    anchors: dict[str, Node | None] = field(default_factory=dict)
    """None while the anchor's own node is being built."""
    nodes: int = 0
    odd: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loader = Loader(self.text)
        self.event: yaml.Event = yaml.StreamStartEvent()

    def document(self) -> Node | None:
        self._next()  # StreamStart
        if isinstance(self._next(), yaml.StreamEndEvent):
            self.report(problem(Place(self.file), "empty-file", "the file is empty", "see hf-recipes new"))
            return None
        self._next()
        root = self._node(0)
        self._next()  # DocumentEnd
        if not isinstance(self._next(), yaml.StreamEndEvent):
            place = self._place(self.event)
            self.report(
                problem(place, "several-documents", "a second YAML document", "keep one recipe a file")
            )
            return None
        return root

    def _next(self) -> yaml.Event:
        event = self.loader.get_event()
        assert event is not None  # No caller asks past the end of the stream.
        self.event = event
        return event

    def _place(self, event: yaml.Event) -> Place:
        if self.at:
            return self.at
        mark = event.start_mark
        assert mark is not None
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _stop(self, code: str, message: str, hint: str = "") -> _Stop:
        self.report(problem(self._place(self.event), code, message, hint))
        return _Stop()

    def _count(self, size: int, depth: int) -> None:
        self.nodes += size
        if depth > MAX_DEPTH:
            raise self._stop("too-deep", f"nested more than {MAX_DEPTH} levels deep")
        if self.nodes > MAX_NODES:
            raise self._stop("too-many-values", f"more than {MAX_NODES} values, aliases unfolded")

    def _node(self, depth: int, *, is_key: bool = False) -> Node:
        """The node that begins at the current event; the current event is then its last."""
        event = self.event
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._count(1, depth)
        assert isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent))
        anchor = event.anchor
        if anchor is not None:
            self.anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node: Node = self._scalar(event, is_key)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            assert isinstance(event, yaml.MappingStartEvent)
            node = self._mapping(event, depth)
        if anchor is not None:
            self.anchors[anchor] = node
        return node

    def _alias(self, event: yaml.AliasEvent, depth: int) -> Node:
        node = self.anchors.get(str(event.anchor))
        if node is None:
            endless = event.anchor in self.anchors
            code = "endless-alias" if endless else "unknown-alias"
            message = "an alias (*) " + ("inside its own anchor (&)" if endless else "without its anchor (&)")
            place = self._place(event)
            self.report(
                problem(place, code, message, "" if endless else f"define it further up, or {quote('*')}")
            )
            node = Scalar(Odd(), place)
        self._count(node.size, depth + node.height)
        return node

    def _sequence(self, event: yaml.SequenceStartEvent, depth: int) -> Seq:
        place = self._place(event)
        self._check_tag(event.tag, "seq", place)
        items = []
        while not isinstance(self._next(), yaml.SequenceEndEvent):
            items.append(self._node(depth + 1))
        return Seq(tuple(items), place, *_extent(items))

    def _mapping(self, event: yaml.MappingStartEvent, depth: int) -> Map:
        place = self._place(event)
        self._check_tag(event.tag, "map", place)
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        while not isinstance(self._next(), yaml.MappingEndEvent):
            is_merge = self._is_merge(self.event)
            key = self._node(depth + 1, is_key=True)
            self._next()
            value = self._node(depth + 1)
            if is_merge:
                merged.append(value)
            elif isinstance(key, Scalar) and isinstance(key.value, str):
                self._add(entries, Entry(self._key(key.value, key.place), key.place, value))
            elif not (isinstance(key, Scalar) and isinstance(key.value, Odd)):
                self._refuse_key(key)
        for node in merged:
            self._merge(entries, node)
        return Map(tuple(entries.values()), place, *_extent([entry.node for entry in entries.values()]))

    def _key(self, written: str, place: Place) -> str:
        """A key as it was meant: what cannot be seen in it, or is a quote to people alone, is reported and left out."""
        key = cleaned_key(written)
        if key != written:
            odd = ODD.search(written)
            what = (
                f"{name_of(odd.group())} stands in the key"
                if odd
                else "curly quotes belong to the key for YAML"
            )
            self.odd.append(
                problem(place, "odd-character", f"{printable(key)}: {what}", "remove it" if odd else STRAIGHT)
            )
        return key

    def _refuse_key(self, key: Node) -> None:
        hint = ""
        if isinstance(key, Scalar):
            hint = (
                "YAML reads it as "
                + ("yes or no" if isinstance(key.value, bool) else "a value")
                + "; quote it"
            )
        self.report(problem(key.place, "key-not-text", "a key that is not text", hint))

    def _add(self, entries: dict[str, Entry], entry: Entry) -> None:
        first = entries.setdefault(entry.key, entry)
        if first is not entry:
            self.report(
                problem(
                    entry.place,
                    "duplicate-key",
                    f"{printable(entry.key)}: given a second time",
                    f"the first is on line {first.place.line}; keep one" if first.place.line else "keep one",
                )
            )

    def _is_merge(self, event: yaml.Event) -> bool:
        return isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]

    def _merge(self, entries: dict[str, Entry], node: Node) -> None:
        """`<<: *anchor`: what the mapping itself says goes first, then the earlier of several."""
        sources = node.items if isinstance(node, Seq) else (node,)
        for source in sources:
            if not isinstance(source, Map):
                self.report(
                    problem(node.place, "merge-not-mapping", "<<: takes a mapping, or a list of them")
                )
                return
            for entry in source.entries:
                entries.setdefault(entry.key, entry)

    def _check_tag(self, tag: str | None, expected: str, place: Place) -> None:
        if tag not in (None, "!", STANDARD + expected):
            self._refuse_tag(place)

    def _refuse_tag(self, place: Place) -> None:
        self.report(
            problem(
                place, "yaml-tag", "a YAML tag (!) that recipes do not use", f"remove it, or {quote('!')}"
            )
        )

    def _scalar(self, event: yaml.ScalarEvent, is_key: bool) -> Scalar:
        place = self._place(event)
        # One that the text holds as it is has been reported already; this one was written with escapes.
        for kind in escaped_secrets(event.value, self.text):
            self.report(literal_token(place, kind))
        tag = event.tag
        if tag in (None, "!"):
            resolve: Callable[..., str] = self.loader.resolve
            tag = resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = tag.removeprefix(STANDARD)
        if kind in ("str", "merge", "value"):
            quoted = not event.implicit[0]
            odd = None if quoted or is_key else odd_value(event.value)
            if odd is None:
                return Scalar(event.value, place)
            what, hint, meant = odd
            self.odd.append(problem(place, "odd-character", what, hint))
            return Scalar(meant, place)
        if kind not in ("int", "float", "bool", "null", "timestamp"):
            self._refuse_tag(place)
            return Scalar(Odd(), place)
        return Scalar(self._constructed(kind, event.value, tag, place), place)

    def _constructed(self, kind: str, text: str, tag: str, place: Place) -> int | float | bool | Odd | None:
        if len(text) > MAX_NUMBER:
            self.report(problem(place, "wrong-type", f"a number of more than {MAX_NUMBER} characters"))
            return Odd()
        try:
            value = _construct(self.loader, kind, yaml.ScalarNode(tag, text))
        except (ValueError, KeyError, IndexError, AttributeError, OverflowError, yaml.YAMLError):
            self.report(
                problem(place, "wrong-type", f"YAML cannot read this as {kind}", "quote it if it is text")
            )
            return Odd()
        if isinstance(value, datetime.date):
            self.report(problem(place, "wrong-type", "YAML reads this as a date", "quote it if it is text"))
            return Odd()
        assert value is None or isinstance(value, (int, float))
        return value


def _construct(loader: yaml.SafeLoader | yaml.CSafeLoader, kind: str, node: yaml.ScalarNode) -> object:
    value: object = getattr(loader, f"construct_yaml_{kind}")(node)
    return value


def _extent(nodes: list[Node]) -> tuple[int, int]:
    return 1 + sum(node.size for node in nodes), 1 + max((node.height for node in nodes), default=0)
