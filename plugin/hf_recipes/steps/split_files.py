"""The files of a local split: one (`train.jsonl`), or shards (`train-00000-of-00003.jsonl` …) in the order of their numbers."""

from __future__ import annotations

import re
from pathlib import Path

from hf_recipes.data.findings import wrong
from hf_recipes.steps.prepare.file_kinds import endings, stands_there, stem_and_kind

SHARD = re.compile(r"(?P<split>.+?)-(?P<number>\d+)(?:-of-(?P<of>\d+))?(?:-[0-9a-f]{16})?")


def split_files(folder: Path, split: str) -> tuple[Path, ...]:
    """The files of a split that stand in a folder itself; empty where it has none.

    Raises DataError where a shard is missing, or where shards are not one set.
    """
    tables = _tables(folder)
    found = [path for stem, path in tables if stem == split]
    if len(found) > 1:
        what = f"split {split!r}: {' and '.join(path.name for path in found)} are both there"
        raise wrong(str(folder), what, hint="keep one of them there", code="two-files")
    if found:
        return (found[0],)
    shards = [
        (int(match["number"]), int(match["of"] or 0), path)
        for stem, path in tables
        if (match := SHARD.fullmatch(stem)) and match["split"] == split
    ]
    return _in_order(folder, split, sorted(shards)) if shards else ()


def split_names(folder: Path) -> list[str]:
    """The names of the splits that stand in a folder as files."""
    stems = {stem for stem, _ in _tables(folder)}
    return sorted({match["split"] if (match := SHARD.fullmatch(stem)) else stem for stem in stems})


def _tables(folder: Path) -> list[tuple[str, Path]]:
    """(stem, path) of what is named as a table. What is no file, such as a pipe, says so when it is read."""
    if not folder.is_dir():
        return []
    paths = [path for path in sorted(folder.iterdir()) if not path.is_dir() and stands_there(path)]
    return [(told[0], path) for path in paths if (told := stem_and_kind(path))]


def _in_order(folder: Path, split: str, shards: list[tuple[int, int, Path]]) -> tuple[Path, ...]:
    _, count, first = shards[0]
    for before, (number, of, path) in zip([None, *shards], shards, strict=False):
        if of != count or endings(path) != endings(first) or (before and before[0] == number):
            other = before[2] if before and before[0] == number else first
            what = f"split {split!r}: {other.name} and {path.name} are not shards of one set"
            raise wrong(str(folder), what, hint="keep one set of them there", code="mixed-shards")
    numbers = {number for number, *_ in shards}
    begin = 0 if 0 in numbers or count not in numbers else 1
    missing = [number for number in range(begin, begin + count) if number not in numbers]
    if missing:
        what = f"split {split!r}: shard {missing[0]} of {count} is missing beside {first.name}"
        raise wrong(str(folder), what, hint="fetch the missing file", code="missing-shard")
    return tuple(path for *_, path in shards)
