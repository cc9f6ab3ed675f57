"""A recipe's local data as it goes to its data repo: checked as for a run, then one Parquet file a split.

    python -m hf_recipes.steps.prepare.publish OUT < job.json

Writes OUT and answers {"sha": content hash, "splits": {"train", "validation", "test"}, "notes", "problems"} on stdout.
Rows are published as they came, so that a run far away converts, checks and splits them exactly as one here would.
Where Parquet would change what a run makes of a row, and for images, the files go as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import Findings, wrong
from hf_recipes.data.form import Form
from hf_recipes.data.messages import RowError
from hf_recipes.record.job import Job
from hf_recipes.steps import files
from hf_recipes.steps.prepare.convert import convert
from hf_recipes.steps.prepare.dataset import IMAGES, Split, open_split
from hf_recipes.steps.prepare.file_kinds import endings, stem_and_kind
from hf_recipes.steps.prepare.prepare import form_or_fail, passes_through
from hf_recipes.steps.reply import reply

ROWS_AT_ONCE = 10_000
CARD = """\
---
configs:
- config_name: default
  data_files:
{splits}tags: [hf-recipes]
---
The data of hf-recipes runs, named by the hash of its content.
"""

Splits = dict[str, str | None]


def publish(job: Job, out: Path) -> dict[str, Any]:
    """Write OUT and describe it. Raises DataError, StepFailed."""
    data = job.data
    if not data.local:
        raise wrong(data.path, "it is not on this disk", code="no-file")
    names: Splits = {
        "train": data.train_split,
        "validation": data.valid_split,
        "test": data.test_split if isinstance(data.test_split, str) else None,
    }
    if passes_through(job):
        return _folder_as_it_is(Path(data.path), out, names)
    form = form_or_fail(job)
    checked = convert(job, form, None)
    splits = {role: open_split(data, name) for role, name in names.items() if name}
    # What declares its classes keeps their names where it is copied whole.
    if any(split.hub is not None or split.classes for split in splits.values()):
        return _folder_as_it_is(Path(data.path), out, names)
    renamed: Splits = {role: role if name else None for role, name in names.items()}
    # A CSV file's numbers are told from its texts when it is read, so a table of them stays CSV.
    typed_later = not form.columns and any(
        (stem_and_kind(path) or "")[-1:] == ("csv",) for split in splits.values() for path in split.paths
    )
    # Rows that cannot even be read are counted by the run, so they have to be there.
    kept = None if typed_later or checked.skipped else _as_parquet(form, splits, out)
    if kept is None:
        shutil.rmtree(out / "data", ignore_errors=True)
        why = "rows of it are left out" if checked.skipped else "Parquet would change values"
        notes = [f"the data is published in its own format: {why}"]
        return {"sha": _as_files(splits, out), "splits": renamed, "notes": notes, "problems": []}
    lines = "".join(f"  - split: {role}\n    path: data/{role}-*\n" for role in splits)
    (out / "README.md").write_text(CARD.format(splits=lines), encoding="utf-8")
    return {"sha": kept, "splits": renamed, "notes": [], "problems": []}


def _as_parquet(form: Form, splits: Mapping[str, Split], out: Path) -> str | None:
    """Write data/<split>-00000-of-00001.parquet; the hash of the rows, or None where a run would make something else of them.

    Without the features that `datasets` writes into a file: the release that a trainer is pinned to may not read those of today's.
    """
    import pyarrow
    from pyarrow import parquet

    (out / "data").mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(b"rows 1")
    for role, split in splits.items():
        path = out / "data" / f"{role}-00000-of-00001.parquet"
        digest.update(f"\n{role}\n".encode())
        try:
            schemas = [pyarrow.Table.from_pydict(_columns(rows)).schema for rows in _chunks(split)]
            schema = pyarrow.unify_schemas(schemas, promote_options="permissive")
            with parquet.ParquetWriter(path, schema) as writer:
                for rows in _chunks(split):
                    writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))
        except (pyarrow.ArrowException, OverflowError, TypeError, ValueError):
            return None
        written = files.read_files(path, Findings())
        for _, (_, row) in split.rows(Findings()):
            digest.update(_canonical(row))
            if _made_of(form, row) != _made_of(form, next(written)[1]):
                return None
    return digest.hexdigest()


def _as_files(splits: Mapping[str, Split], out: Path) -> str:
    """Copy each split's files to data/; the hash of their bytes."""
    (out / "data").mkdir(parents=True, exist_ok=True)
    for role, split in splits.items():
        for number, path in enumerate(split.paths):
            shards = f"-{number:05}-of-{len(split.paths):05}" if len(split.paths) > 1 else ""
            shutil.copyfile(path, out / "data" / f"{role}{shards}{endings(path)}")
    return _hash(out, dict.fromkeys(splits))


def _folder_as_it_is(folder: Path, out: Path, names: Splits) -> dict[str, Any]:
    """Tables, images and the card of a folder; nothing else that may lie there, and nothing hidden."""
    if not folder.is_dir():
        raise wrong(str(folder), "a data set of images is a folder", code="no-file")
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        image_or_card = path.suffix.lower() in IMAGES or inner.as_posix() == "README.md"
        wanted = image_or_card or stem_and_kind(path) is not None
        if wanted and path.is_file() and not any(part.startswith(".") for part in inner.parts):
            (out / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, out / inner)
    return {"sha": _hash(out, names), "splits": names, "notes": [], "problems": []}


def _chunks(split: Split) -> Iterator[list[dict[str, Any]]]:
    rows = (dict(row) for _, (_, row) in split.rows(Findings()))
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        yield chunk


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _made_of(form: Form, row: Mapping[str, Any]) -> bytes | None:
    try:
        return _canonical(form.record(row))
    except RowError:
        return None


def _canonical(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _hash(out: Path, names: Mapping[str, str | None]) -> str:
    digest = hashlib.sha256(_canonical(["files 1", dict(names)]))
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        digest.update(
            _canonical([path.relative_to(out).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()])
        )
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(reply(publish, {"sha": None, "splits": {}, "notes": []}))
