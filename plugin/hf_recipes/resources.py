"""Where the shipped `space/` and `recipes/` folders are: beside a checkout, or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path


def shipped(folder: str) -> Path:
    """The folder `space` or `recipes`.

    Raises FileNotFoundError when the installation lacks it.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "shipped" / folder, package.parents[1] / folder):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(2, "this installation of hf-recipes is incomplete: missing", folder)
