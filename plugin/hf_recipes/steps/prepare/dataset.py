"""One split of a data set, local or on the Hub, as rows that can be read again and again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import DataError, Findings, wrong
from hf_recipes.recipe.model import Data
from hf_recipes.steps import files
from hf_recipes.steps.files import Row
from hf_recipes.steps.prepare.file_kinds import READ, check_is_file, stands_there, stem_and_kind
from hf_recipes.steps.prepare.saved_set import saved_set
from hf_recipes.steps.split_files import split_files, split_names

SCRIPT = "scripts are no longer supported"
IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"})


@dataclass(frozen=True)
class Split:
    """The rows of one split. `name` is what problems are reported against."""

    name: str
    paths: tuple[Path, ...] = ()
    hub: Any = None
    """A datasets.Dataset, when the rows do not come from local files."""
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Column → the class names that the data set itself declares."""
    encoding: str | None = None
    """Encoding of text files, if the recipe declares it."""

    def named_rows(self, findings: Findings) -> Iterator[tuple[str, Row]]:
        """As `rows`, with the name of a class where the data set declares classes and holds their numbers."""
        for file, (line, row) in self.rows(findings):
            named = {
                column: names[value]
                for column, names in self.classes.items()
                if type(value := row.get(column)) is int and 0 <= value < len(names)
            }
            yield file, (line, {**row, **named} if named else row)

    def rows(self, findings: Findings) -> Iterator[tuple[str, Row]]:
        """(file, (line, row)) in order. Raises DataError for a file that cannot be read at all."""
        header: set[str] | None = None
        for path in self.paths:
            begun = False
            several = len(self.paths) > 1
            for line, row in files.read_files(path, findings, one_of_several=several, encoding=self.encoding):
                if not begun and several and (stem_and_kind(path) or "")[-1:] == ("csv",):
                    header = header or set(row)
                    _check_same(path, header, set(row), self.paths[0])
                begun = True
                if not _is_empty(row):
                    yield str(path), (line, row)
        if self.hub is not None:
            for number, row in enumerate(self.hub, start=1):
                if not _is_empty(row):
                    yield self.name, (number, row)


def _is_empty(row: Mapping[str, object]) -> bool:
    """Whether no cell holds anything: a blank line of a sheet, as tables keep it. Such a row is none."""
    return all(value is None or value != value for value in row.values())


def open_split(data: Data, split: str) -> Split:
    """The split of the recipe's data. `split` is a split's name or `config:split`.

    Raises DataError: one problem saying what is missing.
    """
    if not data.local:
        return _from_hub(data.path, split)
    path = Path(data.path)
    if stands_there(path) and not path.is_dir():
        check_is_file(path)
        if split != data.train_split:
            raise wrong(
                str(path),
                f"one file holds the train split only; there is no split {split!r}",
                code="no-split",
            )
        return Split(split, (path,), encoding=data.encoding)
    if not path.is_dir():
        raise wrong(str(path), "there is no such file or folder", code="no-file")
    saved = saved_set(path, split, data.train_split)
    if saved is not None:
        return Split(f"{path} ({split})", saved.paths, classes=saved.classes)
    return _from_folder(path, split, data.encoding)


def image_folder(data: Data) -> bool:
    """Whether the train split is a folder of images (`train/<class>/1.jpg` or with a metadata file)."""
    folder = Path(data.path) / data.train_split
    return data.local and folder.is_dir() and any(path.suffix.lower() in IMAGES for path in folder.rglob("*"))


def _from_folder(folder: Path, split: str, encoding: str | None) -> Split:
    for place in (folder, folder / "data"):
        if paths := split_files(place, split):
            return Split(split, paths, encoding=encoding)
    names = split_names(folder)
    if (folder / "README.md").is_file() or (folder / "data").is_dir():
        return _from_hub(str(folder), split)
    other = next((path.name for path in sorted(folder.iterdir()) if path.name.startswith(f"{split}.")), None)
    if other:
        raise wrong(str(folder), f"no split {split!r}: {other} is not read", code="no-split", hint=READ)
    found = f"the folder holds {', '.join(names)}" if names else "the folder holds no file that is read"
    hint = "" if names else READ
    raise wrong(str(folder), f"no split {split!r}: {found}", code="no-split", hint=hint)


def _check_same(path: Path, expected: set[str], header: set[str], first: Path) -> None:
    """Shards of CSV have one header; what a program cut off from a larger file has none."""
    if header != expected:
        name = min(expected ^ header)
        what = f"the header {'lacks' if name in expected else 'has'} {name!r}, unlike that of {first.name}"
        raise wrong(str(path), what, line=1, code="not-csv", hint="every file needs the same header line")


def _from_hub(path: str, split: str) -> Split:
    local = Path(path).is_dir()
    if not local:
        from hf_recipes.inference.network import hub_reachable

        hub_reachable()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import datasets

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    config, _, name = split.rpartition(":")
    try:
        found = _loaded(path, config or None, name)
    except Exception as error:  # every library below it raises its own; each becomes one sentence
        raise _explained(path, split, error) from None
    classes = {
        column: feature.names
        for column, feature in _class_labels(found.features)
        if getattr(feature, "names", None)
    }
    return Split(f"{path} ({split})", hub=found, classes=classes)


def _loaded(path: str, config: str | None, split: str) -> Any:
    """Where a data set is a Python script, which is never run, the Hub keeps what it gave as Parquet."""
    import datasets

    try:
        return datasets.load_dataset(path, config, split=split)
    except RuntimeError as error:
        if SCRIPT not in str(error) or Path(path).is_dir():
            raise
        try:
            return datasets.load_dataset(path, config, split=split, revision="refs/convert/parquet")
        except Exception:
            raise error from None


def _class_labels(features: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(column, ClassLabel) for plain columns of labels and for lists of them."""
    for column, feature in features.items():
        yield column, getattr(feature, "feature", feature)


def _explained(path: str, split: str, error: Exception) -> DataError:
    kind, text = type(error).__name__, " ".join(str(error).split())
    lower = text.lower()
    if "gated" in lower or kind == "GatedRepoError":
        return wrong(
            path, "the data set is gated", hint="ask for access on its page, then set HF_TOKEN", code="gated"
        )
    if kind in ("OfflineModeIsEnabled", "ConnectionError", "LocalEntryNotFoundError") or (
        os.environ.get("HF_HUB_OFFLINE") == "1" and not Path(path).is_dir()
    ):
        what = "there is no such file or folder here; the Hub cannot be reached and the data set is not in the cache"
        return wrong(path, what, code="hub-unreachable")
    if kind in ("DatasetNotFoundError", "RepositoryNotFoundError"):
        hint = "check the name; set HF_TOKEN if it is private"
        return wrong(
            path, "no such data set on the Hub, nor a file or folder here", hint=hint, code="no-dataset"
        )
    if "unknown split" in lower or "bad split" in lower or "config" in lower:
        return wrong(path, f"split {split!r}: {text[:300]}", code="no-split")
    if SCRIPT in text:
        return wrong(
            path,
            "the data set is a Python script, which is never run, and the Hub has no Parquet form of it",
            hint="look for a copy of it in Parquet, JSON or CSV",
            code="script",
        )
    return wrong(path, f"cannot be read as a data set: {kind}: {text[:300]}")
