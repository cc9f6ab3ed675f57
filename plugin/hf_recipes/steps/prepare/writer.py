"""Records as the files that a trainer's `load_dataset(folder, split=…)` reads back without changing a value."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hf_recipes.data.columns import Column

# pyarrow's JSON reader, which `datasets` uses, turns a column of texts that all look like this into timestamps,
# whatever features are declared.
TIMESTAMP = re.compile(r"\s*\d{4}-\d{2}-\d{2}([T ]\d{2}.*)?\s*")


class Writer:
    """Writes `<split>.jsonl`, or counts only where there is no folder. `settle` comes after the last one."""

    def __init__(self, folder: Path | None, split: str, columns: Sequence[Column]) -> None:
        self.rows = 0
        self.path = folder / f"{split}.jsonl" if folder else None
        self._columns = columns
        self._dates = {
            column.name
            for column in columns
            if column.kind in ("text", "texts", "messages", "any", "answers")
        }
        self._file: IO[str] | None = None

    def __enter__(self) -> Writer:
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._file is None or self.path is None:
            return
        self._file.close()
        if kind is None and self.rows == 0:
            self.path.unlink()

    @property
    def misread(self) -> bool:
        """Whether a reader would take a column of these texts for timestamps."""
        return self.rows > 0 and bool(self._dates)

    def write(self, record: Mapping[str, Any]) -> None:
        self.rows += 1
        for name in tuple(self._dates):
            if not all(TIMESTAMP.fullmatch(text) for text in _texts(record[name])):
                self._dates.discard(name)
        if self._file is not None:
            self._file.write(json.dumps(record, ensure_ascii=False, default=str, allow_nan=False) + "\n")


def settle(writers: Sequence[Writer], columns: Sequence[Column]) -> None:
    """Turn all splits into Parquet when one would be misread (`datasets` wants one format in a folder)."""
    if any(writer.misread for writer in writers):
        for writer in writers:
            if writer.path and writer.path.exists():
                _to_parquet(writer.path, columns)


def data_card(columns: Sequence[Column], classes: Sequence[str]) -> str:
    """A README.md whose dataset_info declares every column: `datasets` takes types and class names from it."""
    names = "".join(f"          '{number}': {json.dumps(name)}\n" for number, name in enumerate(classes))
    kinds = {
        "text": "    dtype: string\n",
        "any": "    dtype: string\n",
        "number": "    dtype: float64\n",
        "label": "    dtype:\n      class_label:\n        names:\n" + names,
        "texts": "    sequence: string\n",
        "labels": "    sequence:\n      class_label:\n        names:\n" + names,
        "answers": "    struct:\n    - name: text\n      sequence: string\n    - name: answer_start\n      sequence: int64\n",
        "messages": "    list:\n    - name: role\n      dtype: string\n    - name: content\n      dtype: string\n",
    }
    features = "".join(f"  - name: {json.dumps(column.name)}\n{kinds[column.kind]}" for column in columns)
    return f"---\ndataset_info:\n  features:\n{features}---\n"


def finite(record: dict[str, Any]) -> dict[str, Any]:
    """The record with None for NaN and infinities, which JSON has no words for."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in record.items()
    }


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = value["text"]
    return [item["content"] if isinstance(item, Mapping) else item for item in value]


def _to_parquet(path: Path, columns: Sequence[Column]) -> None:
    import pyarrow
    from pyarrow import parquet

    text, whole = pyarrow.string(), pyarrow.int64()
    kinds = {
        "text": text,
        "any": text,
        "number": pyarrow.float64(),
        "label": whole,
        "texts": pyarrow.list_(text),
        "labels": pyarrow.list_(whole),
        "answers": pyarrow.struct([("text", pyarrow.list_(text)), ("answer_start", pyarrow.list_(whole))]),
        "messages": pyarrow.list_(pyarrow.struct([("role", text), ("content", text)])),
    }
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in columns])
    with path.open(encoding="utf-8") as file:
        table = pyarrow.Table.from_pylist([json.loads(line) for line in file], schema=schema)
    parquet.write_table(table, path.with_suffix(".parquet"))
    path.unlink()
