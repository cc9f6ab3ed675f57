# /// script
# requires-python = ">=3.10,<3.14"
# dependencies = [
#   "click==8.5.1",
#   "filelock==4.2.11 ; python_version >= '3.11'",
#   "filelock==4.1.0 ; python_version < '3.11'",
#   "huggingface_hub==2.4.0",
#   "pyyaml==6.0.3",
#   "rich==15.0.0",
#   "uv==0.13.9",
# ]
# ///
"""What a training Space's CMD and an HF Job's script both are: it fetches our package and hands over to it.

    uv run start.py        (or python start.py, where the packages above are installed)

It reads the environment: HF_TOKEN (a secret), HF_RECIPES_RUNS_REPO (the runs repo), HF_RECIPES_RUN (the run's id) and
HF_RECIPES_PACKAGE (packages/<12 hex digits of its sha256>.zip in the runs repo). This file goes alone: nothing of
ours can be imported before the package is there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

WAITS = (2, 5, 10, 20, 40, 60, 60, 60)
"""Seconds between tries: the Hub may be away for some minutes."""
NEEDED = ("HF_TOKEN", "HF_RECIPES_RUNS_REPO", "HF_RECIPES_RUN", "HF_RECIPES_PACKAGE")


class CannotStart(Exception):
    """The message says why, in a sentence."""


def start_script() -> str:
    """The text of this file."""
    return Path(__file__).read_text(encoding="utf-8")


def main() -> int:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        sys.path.insert(0, str(fetch_package()))
        from hf_recipes.backends.huggingface.container.work import main as work
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        sys.stdout.write(f"hf-recipes: the run cannot start: {_redacted(said)}\n")
        sys.stdout.flush()
        _pause()
        return 1
    return work()


def fetch_package() -> Path:
    """A folder that holds hf_recipes as it was where the run was started. Raises CannotStart, or what the Hub's client raises."""
    if missing := [name for name in NEEDED if not os.environ.get(name)]:
        raise CannotStart(f"{', '.join(missing)} must be set")
    from huggingface_hub import HfApi

    # When it tries again it prints the address, and that of a private file bears a signature that opens it.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    folder = Path(tempfile.mkdtemp(prefix="hf-recipes-"))
    name = os.environ["HF_RECIPES_PACKAGE"]
    path = _retried(
        lambda: HfApi().hf_hub_download(
            os.environ["HF_RECIPES_RUNS_REPO"], name, repo_type="dataset", local_dir=folder
        )
    )
    digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    if digest[:12] != Path(name).stem:
        raise CannotStart(f"{name} is not what was published: its sha256 is {digest}")
    with zipfile.ZipFile(path) as package:
        package.extractall(folder / "package")
    return folder / "package"


def _retried(call: Callable[[], T]) -> T:
    for wait in WAITS:
        try:
            return call()
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if isinstance(status, int) and 400 <= status < 500 and status not in (408, 429):
                raise
        time.sleep(wait)
    return call()


def _pause() -> None:
    """A Space that cannot train must not go on costing."""
    space = os.environ.get("SPACE_ID")
    if space:
        from huggingface_hub import HfApi

        try:
            _retried(lambda: HfApi().pause_space(space))
        except Exception as error:
            sys.stdout.write(f"hf-recipes: {space} could not be paused: {type(error).__name__}\n")


def _redacted(text: str) -> str:
    return text.replace(os.environ.get("HF_TOKEN") or "\0", "[secret]")


if __name__ == "__main__":
    sys.exit(main())
