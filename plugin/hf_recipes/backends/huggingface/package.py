"""Our own package as one file, named by its content: what a container far away runs is what stands here."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hf_recipes
from hf_recipes.resources import shipped

KINDS = (".py", ".json", ".txt", ".typed", ".html", ".css", ".js")
NEVER = ("shipped", "__pycache__")
THE_FIRST_TIME = (1980, 1, 1, 0, 0, 0)
"""The oldest date that a zip file can hold."""


@dataclass(frozen=True)
class Package:
    name: str
    """`packages/<12 hex digits of its sha256>.zip`: where it lies in the runs repo."""
    data: bytes = field(repr=False)


def package() -> Package:
    """The same files, the same bytes: on every machine and with every zlib, since nothing is compressed."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(_files()):
            entry = zipfile.ZipInfo(name, THE_FIRST_TIME)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # a Unix file that all may read
            archive.writestr(entry, path.read_bytes())
    data = written.getvalue()
    return Package(f"packages/{hashlib.sha256(data).hexdigest()[:12]}.zip", data)


def _files() -> Iterator[tuple[str, Path]]:
    root = Path(hf_recipes.__file__).resolve().parent
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if path.suffix in KINDS and not any(part in NEVER or part.startswith(".") for part in parts):
            yield f"hf_recipes/{'/'.join(parts)}", path
    # What the inference environment is made from stands in space/.
    yield "hf_recipes/shipped/space/requirements.txt", shipped("space") / "requirements.txt"
