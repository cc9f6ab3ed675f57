"""Commits: preupload, the NDJSON commit, the history."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.routing import BaseRoute

LFS_ENDINGS = [
    ".7z",
    ".arrow",
    ".bin",
    ".bz2",
    ".ckpt",
    ".ftz",
    ".gz",
    ".h5",
    ".joblib",
    ".model",
    ".msgpack",
    ".npy",
    ".npz",
    ".onnx",
    ".ot",
    ".parquet",
    ".pb",
    ".pickle",
    ".pkl",
    ".pt",
    ".pth",
    ".rar",
    ".safetensors",
    ".tar",
    ".tflite",
    ".tgz",
    ".wasm",
    ".xz",
    ".zip",
    ".zst",
]
FIRST_FILES = {
    ".gitattributes": "".join(f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in LFS_ENDINGS).encode()
}
REGULAR_UP_TO = 10 * 1024 * 1024


def as_lfs(path: str, size: int, sample: bytes) -> bool:
    """By its ending as .gitattributes says, or too big, or not text."""
    return size > 0 and (PurePosixPath(path).suffix in LFS_ENDINGS or size > REGULAR_UP_TO or b"\0" in sample)


def routes() -> list[BaseRoute]:
    return []
