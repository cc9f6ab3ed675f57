"""Nothing private goes up: the last look at every text before it does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_recipes.runner.redaction import Redactor

PATH = re.compile(r"(?<![\w.:/~$}<-])/[\w.@+-]+(?:/[\w.@+-]+)+")
PERSONAL = (
    "home",
    "Users",
    "root",
    "tmp",
    "var",
    "mnt",
    "media",
    "workspace",
    "content",
    "kaggle",
    "private",
    "data",
    "app",
)
"""Where people's files lie. What is below /usr or /bin is the same everywhere and says nothing."""
COMMON = frozenset(f"/var/{name}" for name in ("cache", "lib", "log", "mail", "run", "spool", "tmp", "www"))
"""What every machine has there: that a text speaks of it and that it exists says nothing."""
VOCABULARY = re.compile(
    r"tokenizer\.json|vocab\..*|merges\.txt|added_tokens\.json|bpe\.codes|.*\.model|.*\.index\.json"
)
"""Long lists of words that the base model's makers wrote."""
CONFIG = re.compile(r"(?:.*/)?[^/]*config[^/]*\.json|modules\.json|special_tokens_map\.json")
BASE_KEYS = ("base_model_name_or_path", "_name_or_path", "name_or_path")
FILE_KEYS = (
    "tokenizer_file",
    "vocab_file",
    "merges_file",
    "special_tokens_map_file",
    "sp_model_file",
    "spm_file",
)
"""Keys of tokenizer_config.json under which transformers once left paths of its cache; nothing reads them."""


@dataclass(frozen=True)
class Find:
    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.what})"


def scan(
    texts: Mapping[str, str],
    *,
    redact: Redactor,
    places: Sequence[str],
    exists: Callable[[str], bool] = lambda path: Path(path).exists(),
) -> list[Find]:
    """What must not go up, by file and line; never the value. `places` are folders of this machine that are known."""
    return [
        find for file, text in sorted(texts.items()) for find in _finds(file, text, redact, places, exists)
    ]


def _finds(
    file: str, text: str, redact: Redactor, places: Sequence[str], exists: Callable[[str], bool]
) -> Iterator[Find]:
    seen: set[tuple[int, str]] = set()
    for start, what in sorted([*_secrets(text, redact), *_paths(file, text, places, exists)]):
        line = text.count("\n", 0, start) + 1
        if (line, what) not in seen:
            seen.add((line, what))
            yield Find(file, line, what)


def _secrets(text: str, redact: Redactor) -> Iterator[tuple[int, str]]:
    for start, _ in redact.spans(text):
        yield start, "a token or another secret"


def _paths(
    file: str, text: str, places: Sequence[str], exists: Callable[[str], bool]
) -> Iterator[tuple[int, str]]:
    known = [re.escape(place) for place in places if len(Path(place).parts) > 2]
    if known:
        for found in re.finditer(f"(?:{'|'.join(known)})(?![\\w-])", text):
            yield found.start(), "a path of this machine"
    if VOCABULARY.fullmatch(Path(file).name):
        return
    for found in PATH.finditer(text):
        parts = found.group().split("/")
        top = "/".join(parts[:3])
        # In a config no path has any business; elsewhere a text may speak of /home/user, and only a real one is private.
        if parts[1] in PERSONAL and (CONFIG.fullmatch(file) or (top not in COMMON and exists(top))):
            yield found.start(), "a path of this machine"


def without_places(document: Any, places: Mapping[str, str], base_model: str, key: str = "") -> Any:
    """A config with the base's public name where a folder of this machine stood, and without paths that nothing reads.

    An adapter names its base there and nowhere else: that is always the public name.
    """
    if isinstance(document, dict):
        return {
            name: without_places(value, places, base_model, name)
            for name, value in document.items()
            if not (name in FILE_KEYS and isinstance(value, str) and value.startswith("/"))
        }
    if isinstance(document, list):
        return [without_places(value, places, base_model) for value in document]
    if key == BASE_KEYS[0] and document:
        return base_model
    if isinstance(document, str) and document.startswith("/"):
        return base_model if key in BASE_KEYS else places.get(document.rstrip("/"), document)
    return document


def public_config(text: str, places: Mapping[str, str], base_model: str) -> str:
    """The text of a JSON config, changed only where it must be. Raises ValueError for what is no JSON."""
    document = json.loads(text)
    public = without_places(document, places, base_model)
    return text if public == document else json.dumps(public, indent=2, ensure_ascii=False) + "\n"
