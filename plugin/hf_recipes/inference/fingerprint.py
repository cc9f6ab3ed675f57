"""Which weights made an answer: a short name that follows from what the safetensors files hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SAMPLES = 64
SAMPLE_BYTES = 1 << 16
"""A file larger than all its samples together is read at SAMPLES places, evenly spread, first and last included."""


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model's folder, by name. An adapter's are those of the adapter alone."""
    adapter = folder / "adapter_model.safetensors"
    if adapter.is_file():
        return [adapter]
    return sorted(folder.glob("*.safetensors"))


def sha256(path: Path) -> str:
    """SHA-256 of the whole file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def fingerprint(files: Iterable[Path]) -> str:
    """12 hexadecimal digits of a sha256 over each file's size, header (names, shapes, types) and bytes.

    Small files are read whole, large ones at 64 places of 64 KiB: enough to tell any two trainings apart, in
    milliseconds where reading 15 GB would take half a minute. It tells weights apart; it is no proof against a forger.
    """
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(size.to_bytes(8, "little"))
        with path.open("rb") as file:
            prefix = file.read(8)
            digest.update(prefix + file.read(min(int.from_bytes(prefix, "little"), size)))
            if size <= SAMPLES * SAMPLE_BYTES:
                digest.update(file.read())
                continue
            for place in range(SAMPLES):
                file.seek((size - SAMPLE_BYTES) * place // (SAMPLES - 1))
                digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()[:12]
