"""The rows of Parquet and Arrow files, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hf_recipes.data.findings import wrong

Row = tuple[int, dict[str, object]]
"""A row with its number in the file, from 1."""

BATCH = 1024


def parquet_rows(path: Path) -> Iterator[Row]:
    from pyarrow import parquet

    return _numbered(path, "Parquet", lambda: parquet.ParquetFile(path).iter_batches(batch_size=BATCH))


def arrow_rows(path: Path) -> Iterator[Row]:
    """For a stream, as `datasets` writes it, and for a file with Arrow's own footer."""
    return _numbered(path, "Arrow", lambda: _batches(path))


def _batches(path: Path) -> Iterator[Any]:
    import pyarrow

    with pyarrow.memory_map(str(path)) as source:
        try:
            stream = pyarrow.ipc.open_stream(source)
        except pyarrow.ArrowInvalid:
            found = pyarrow.ipc.open_file(source)
            yield from (found.get_batch(number) for number in range(found.num_record_batches))
        else:
            yield from stream


def _numbered(path: Path, name: str, batches: Any) -> Iterator[Row]:
    import pyarrow

    number = 0
    try:
        for batch in batches():
            for start in range(0, batch.num_rows, BATCH):
                for row in batch.slice(start, BATCH).to_pylist():
                    number += 1
                    yield number, row
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        code = f"not-{name.lower()}"
        raise wrong(str(path), f"not {name} that can be read: {reason}", code=code) from None
