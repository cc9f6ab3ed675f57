"""Where what we make is kept: the cache, and a folder through which another interpreter imports our package."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import hf_recipes
from hf_recipes.environments.failed import EnvironmentFailed


def cache_dir() -> Path:
    """`$HF_RECIPES_HOME`, else the user's cache folder. It may not exist yet."""
    if home := os.environ.get("HF_RECIPES_HOME"):
        return Path(home).expanduser().absolute()
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return Path(cache).expanduser().absolute() / "hf-recipes"
    try:
        return Path.home() / ".cache" / "hf-recipes"
    except RuntimeError:
        raise EnvironmentFailed(
            "no home folder is known; set HF_RECIPES_HOME to a folder that can be written"
        ) from None


def package_path() -> Path:
    """A folder that holds a link to our package and nothing else.

    As PYTHONPATH it gives another interpreter hf_recipes and none of the packages installed beside it.
    Raises EnvironmentFailed when it cannot be written.
    """
    package = Path(hf_recipes.__file__).resolve().parent
    folder = cache_dir() / "package" / hashlib.sha256(os.fsencode(package)).hexdigest()[:8]
    link_to(package, folder / package.name)
    return folder


def link_to(target: Path, link: Path) -> None:
    """Make `link` point to `target`, atomically. Raises EnvironmentFailed."""
    try:
        if link.is_symlink() and link.readlink() == target:
            return
        link.parent.mkdir(parents=True, exist_ok=True)
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(link)
    except OSError as error:
        raise cannot_write(error) from None


def cannot_write(error: OSError) -> EnvironmentFailed:
    """The sentence for a cache that cannot be written."""
    why = (error.strerror or str(error)).lower()
    return EnvironmentFailed(
        f"{error.filename or cache_dir()}: {why}; set HF_RECIPES_HOME to a folder with room that can be written"
    )
